"""Entries of wav.scp for the audio of a corpus."""

import dataclasses
import logging
import os
import shutil
from pathlib import Path

import pytest
from corpus_forms import write_clip

from moeasr.audio.decoded import READ_HERE
from moeasr.audio.duration import measure_audio
from moeasr.corpus.forms.audio_entries import with_entries, without_needless_times
from moeasr.corpus.forms.form import Item
from moeasr.errors import InputError

ITEM = Item(name="a", text="go", audio="", where="t, line 7")


def item(audio: Path | str, start_sec: float | None = None, end_sec: float | None = None) -> Item:
    return dataclasses.replace(ITEM, audio=audio, start_sec=start_sec, end_sec=end_sec)


@pytest.mark.parametrize("suffix", READ_HERE)
def test_formats_that_need_no_program(tmp_path, suffix):
    path = write_clip(tmp_path / f"it's söng {suffix}", rate_hz=8000)
    (read,) = with_entries([item(path)])
    assert read.audio == str(path)
    assert measure_audio(read.audio).duration_sec == pytest.approx(1.0, abs=0.1)


def test_other_rates_become_that_of_most(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    paths = [
        write_clip(tmp_path / f"a b {n}.wav", rate_hz=rate)
        for n, rate in enumerate((44100, 8000, 44100))
    ]
    entries = [read.audio for read in with_entries(map(item, paths))]
    assert entries[0] == str(paths[0])
    assert entries[1] == f"python3 -m moeasr.bin.resample 44100 '{paths[1]}' |"
    assert {measure_audio(entry).num_samples for entry in entries} == {44100}
    assert (
        "2 recordings have 44100 Hz; the others are resampled to this rate: 1 at 8000 Hz"
        in caplog.text
    )


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((None, None), (0, 2)),
        ((0.0, 1.95), (0, 2)),  # rounded
        ((0.5, 1.95), (0.5, 1.95)),
        ((0.0, 2.3), (0, 2)),  # as far as readers allow
        ((0.0, 1.5), (0, 1.5)),
        ((0.5, -1), (0.5, 2)),
        ((0.5, 1.0), (0.5, 1)),
    ],
)
def test_times_are_made_explicit(tmp_path, times, expected):
    (read,) = with_entries([item(write_clip(tmp_path / "a.wav", 2.0), *times)])
    assert (read.start_sec, read.end_sec) == expected and read.recording_sec == 2


def test_whole_recordings_have_no_times_unless_others_have(tmp_path):
    path = write_clip(tmp_path / "a.wav", 2.0)
    whole, part = with_entries([item(path), item(path, 0.5, 1.0)])
    assert [(i.start_sec, i.end_sec) for i in without_needless_times([whole])] == [(None, None)]
    assert without_needless_times([whole, part]) == [whole, part]


@pytest.mark.parametrize("times", [(0.0, 2.6), (2.0, 2.2), (1.0, 1.0), (3.0, None)])
def test_an_utterance_beyond_its_recording_is_named(tmp_path, times):
    path = write_clip(tmp_path / "a.wav", 2.0)
    with pytest.raises(InputError, match="^t, line 7: the utterance is from .* is 2.00 s long"):
        with_entries([item(path, *times)])


def test_missing_and_damaged_files_are_named_and_counted(tmp_path):
    with pytest.raises(InputError) as caught:
        with_entries([item(tmp_path / "a.wav"), item(tmp_path / "b.wav")])
    assert str(caught.value) == (
        f"t, line 7: audio file {tmp_path / 'a.wav'} does not exist (and 1 more)"
    )
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match="t, line 7: audio file .*a.wav cannot be decoded"):
        with_entries([item(tmp_path / "a.wav")])


def test_files_for_ffmpeg(tmp_path, monkeypatch):
    """A file that is WAV by content needs no program; for others, a missing program is named."""
    wav = write_clip(tmp_path / "a b.wav").rename(tmp_path / "a b.m4a")
    (read,) = with_entries([item(wav)])
    assert read.audio == f"ffmpeg -nostdin -v error -i '{wav}' -ac 1 -f wav - |"
    wav.write_bytes(b"\0\0\0\x20ftypM4A ")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="a b.m4a cannot be decoded.*please install ffmpeg"):
        with_entries([item(wav)])


def test_an_installed_ffmpeg_is_run(tmp_path, monkeypatch):
    wav, program = write_clip(tmp_path / "a.wav"), tmp_path / "bin/ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat '{wav}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    (read,) = with_entries([item(tmp_path / "a.m4a")])
    assert read.recording_sec == 1


def test_a_name_that_wav_scp_would_take_for_a_command_is_refused(tmp_path):
    path = write_clip(tmp_path / "a.wav").rename(tmp_path / "a |")
    with pytest.raises(InputError, match="wav.scp cannot contain the file name"):
        with_entries([item(path)])
