"""Commands of a wav.scp: which ones are emulated or run in the shell, and their output."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio import commands
from moeasr.audio.perturb import perturb_speed
from moeasr.audio.pipes import parse_pipe, piped_entry
from moeasr.audio.probe import probe_audio
from moeasr.audio.programs import Resample, Speed, Volume
from moeasr.audio.recording import RecordingReader, resample
from moeasr.errors import InputError

RATE = 16000
LEFT = (np.arange(4000) * 37 % 20011 - 10000).astype(np.int16)
RIGHT = (np.arange(4000) * 91 % 15013 - 7000).astype(np.int16)


def as_float(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples.astype(np.float32) / 32768)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two channels as FLAC, SPHERE and WAV, and the left channel alone."""
    folder = tmp_path / "it's audio"
    folder.mkdir()
    both = np.stack([LEFT, RIGHT], axis=1)
    soundfile.write(folder / "both.flac", both, RATE)
    soundfile.write(folder / "both.sph", both, RATE, format="NIST", subtype="PCM_16")
    soundfile.write(folder / "left.flac", LEFT, RATE)
    soundfile.write(folder / "left.wav", LEFT, RATE)
    return folder


@pytest.fixture
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all programs missing, and let the test fail if one is started."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"started {args}")

    monkeypatch.setattr(commands.subprocess, "run", refuse)
    monkeypatch.setattr(shutil, "which", lambda name: None)


@pytest.mark.parametrize(
    ("entry", "source", "channel", "effects"),
    [
        ("flac -c -d -s /a/b.flac |", "/a/b.flac", None, ()),
        ("flac -c -d -s 'a b'\\''s.flac' |", "a b's.flac", None, ()),
        ('flac -c -d -s "a b.flac" |', "a b.flac", None, ()),
        ("cat a.wav | cat | sox -t wav - -t wav - speed 0.9 |", "a.wav", None, (Speed(0.9),)),
        (
            "sph2pipe -f wav -c 2 a | sox --vol 2 -t wav - -t wav -r 8k - |",
            *("a", 2, (Volume(2.0), Resample(8000))),
        ),
        ("sph2pipe -f wav -c 2 a | sox - -t wav -c 1 - |", "a", 2, ()),
        ("sph2pipe -f wav -c 2 a | sox - -t wav - remix 1 |", "a", 2, ()),
        (
            "cat a | sox -v 2 - -t wav - | python3 -m moeasr.bin.perturb_speed 0.9 - |",
            *("a", None, (Volume(2.0), Speed(0.9))),
        ),
        ("cat \u00e4.wav |", "\u00e4.wav", None, ()),
    ],
)
def test_pipes_are_taken_apart(entry, source, channel, effects):
    pipe = parse_pipe(entry)
    assert (pipe.source, pipe.command) == (source, "")
    assert (pipe.channel, pipe.effects) == (channel, effects)


@pytest.mark.parametrize(
    ("entry", "command", "effects"),
    [
        ("mpg123 -w - a.mp3 |", "mpg123 -w - a.mp3", ()),
        ("zcat a.gz | sox -t wav - -t wav - speed 0.9 |", "zcat a.gz", (Speed(0.9),)),
        ("a 'b|c' | d | cat |", "a 'b|c' | d", ()),
        # the shell has the last word on what is not one plain pipeline
        *(
            (f"{command} |", command, ())
            for command in (
                "cat a.wav; cat",
                "echo x; zcat a.gz | cat",
                "zcat a.gz && zcat b.gz | cat",
                "(zcat a.gz | cat)",
                "zcat a.gz || cat",
                "cat $A",
                "cat ~/a.wav",
                "cat *.wav",
                "cat a?.wav",
                "cat {a,b}.wav",
                'cat "$A"',
                "cat `ls`",
                "cat < a.wav",
                "cat a.wav 2> /dev/null",
                "cat a.wav & cat b.wav",
                "cat a.wav # b",
                "X=1 cat a.wav",
                "zcat a.gz | flac -c -d b.flac",  # which does not read its standard input
                "flac -c -d",
                "| cat",
                "cat 'a.wav",
            )
        ),
    ],
)
def test_the_rest_is_left_to_the_shell(entry, command, effects):
    pipe = parse_pipe(entry)
    assert (pipe.source, pipe.command, pipe.effects) == (None, command, effects)


def test_a_channel_of_a_channel_is_left_to_the_program():
    pipe = parse_pipe("sph2pipe -f wav -c 2 a | sox - -t wav - remix 2 |")
    assert (pipe.source, pipe.command, pipe.channel) == (None, "sph2pipe -f wav -c 2 a", 2)


@pytest.mark.usefixtures("no_programs", "in_folder")
@pytest.mark.parametrize(
    ("entry", "samples"),
    [
        ("flac -c -d -s left.flac |", LEFT),
        ("sph2pipe -f wav -p -c 1 both.sph |", LEFT),
        ("/opt/sph2pipe -f wav -p -c 2 both.sph |", RIGHT),
        ("sox both.flac -t wav - remix 2 |", RIGHT),
        ("sox both.flac -t wav -c 1 - |", (LEFT.astype(float) + RIGHT) / 2),
        ("cat both.flac | sox - -t wav - remix 1 |", LEFT),
        ("wav-copy both.sph - |", (LEFT.astype(float) + RIGHT) / 2),
        ("sph2pipe -f wav -c 2 both.sph | sox - -t wav -c 1 - |", RIGHT),
    ],
)
def test_samples_equal_the_programs_output_without_running_it(entry, samples):
    expected = as_float(samples)
    torch.testing.assert_close(RecordingReader().read(entry)[0], expected, rtol=0, atol=0)
    part, rate_hz = RecordingReader().read(entry, start_sec=0.05, end_sec=0.1)
    torch.testing.assert_close(part, expected[800:1600], rtol=0, atol=0)
    assert rate_hz == RATE
    assert probe_audio(entry)[:2] == (RATE, 4000)


@pytest.mark.usefixtures("no_programs", "in_folder")
def test_effects_follow_each_other():
    entry = (
        "flac -c -d -s left.flac | sox -t wav - -t wav - speed 1.25 | sox -v 2 - -t wav -r 8k - |"
    )
    waveform, rate_hz = RecordingReader().read(entry)
    fast = perturb_speed(as_float(LEFT), RATE, 1.25)
    assert (len(fast), len(waveform), rate_hz) == (3200, 1600, 8000)
    assert probe_audio(entry)[:2] == (8000, 1600)
    assert waveform.abs().mean() > as_float(LEFT).abs().mean() * 1.2


@pytest.mark.usefixtures("in_folder")
def test_the_output_of_the_shell_is_passed_to_emulated_programs():
    entry = "tail -c +1 left.wav | sox --vol 0.5 -t wav - -t wav - |"
    assert torch.equal(RecordingReader().read(entry)[0], as_float(LEFT) / 2)
    assert probe_audio(entry)[:2] == (RATE, 4000)
    assert torch.equal(
        RecordingReader().read("tail -c +1 both.flac | sox - -t wav - remix 2 |")[0],
        as_float(RIGHT),
    )


@pytest.mark.usefixtures("no_programs")
def test_segments_of_a_decoders_pipe_are_sought_in_the_file(in_folder, monkeypatch):
    """Long recordings with hundreds of segments are not decoded as a whole."""
    reader = RecordingReader()
    for start in (0.1, 0.0, 0.2):
        segment, _ = reader.read("sph2pipe -f wav -p -c 1 both.sph |", start, start + 0.05)
        at = round(start * RATE)
        assert torch.equal(segment, as_float(LEFT)[at : at + 800])
    assert reader._recording is None


@pytest.mark.usefixtures("in_folder", "no_programs")
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("flac -c -d -s none.flac |", "audio file none.flac does not exist"),
        ("sph2pipe -f wav -c 3 both.sph |", "audio file both.sph has no channel 3, only 2"),
        ("flac -c -d -s notes.txt |", "audio file notes.txt cannot be decoded"),
        ("sph2pipe -f wav a.wv1 |", "a.wv1 is a SPHERE file compressed with Shorten"),
    ],
)
def test_faults_name_the_file(in_folder, entry, message):
    (in_folder / "notes.txt").write_text("no audio\n" * 200)
    (in_folder / "a.wv1").write_bytes(b"NIST_1A\nsample_coding -s26 pcm,embedded-shorten-v2.00\n")
    with pytest.raises(InputError, match=message):
        RecordingReader().read(entry)
    with pytest.raises(InputError, match=entry.split()[-2]):
        if "channel" in message:
            raise InputError(entry)  # a header's length is that of all its channels
        probe_audio(entry)


def test_a_format_that_is_not_known_here_is_left_to_its_program(in_folder, monkeypatch):
    """An example is Shorten, which only NIST's sph2pipe can decode."""
    (in_folder / "a.wv1").write_bytes(b"NIST_1A\nsample_coding -s26 pcm,embedded-shorten-v2.00\n")
    program = in_folder / "bin" / "sph2pipe"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho x >> "{in_folder}/log"\ncat "{in_folder}/left.wav"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    reader = RecordingReader()
    entry = "sph2pipe -f wav -p a.wv1 |"
    first, _ = reader.read(entry, 0.0, 0.1)
    second, _ = reader.read(entry, 0.1, 0.25)
    assert torch.equal(torch.cat([first, second]), as_float(LEFT))
    assert (in_folder / "log").read_text() == "x\n"
    assert probe_audio(entry)[:2] == (RATE, 4000)
    faster = f"{entry} python3 -m moeasr.bin.perturb_speed 1.25 - |"
    assert len(RecordingReader().read(faster)[0]) == 3200


def test_advice_names_a_program_that_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PROGRAMS", {"no-such-sox": None})
    with pytest.raises(
        InputError,
        match="moeasr cannot run this command without no-such-sox; please install no-such-sox",
    ):
        resample(*RecordingReader().read("no-such-sox a.wav -t wav - gain -3 |"), RATE)
    with pytest.raises(InputError, match=r"not found\)$"):
        resample(*RecordingReader().read("no-such-program a.wav |"), RATE)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (" a.wav ", "python3 -m moeasr.bin.resample 8000 a.wav |"),
        ("it's.wav", "python3 -m moeasr.bin.resample 8000 'it'\"'\"'s.wav' |"),
        ("x.ark:5", "python3 -m moeasr.bin.resample 8000 x.ark:5 |"),
        ("cat a.wav |", "cat a.wav | python3 -m moeasr.bin.resample 8000 - |"),
    ],
)
def test_entries_become_pipes(entry, expected):
    assert piped_entry(entry, "resample 8000") == expected
