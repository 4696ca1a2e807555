"""Lengths of utterances and recordings."""

import numpy as np
import pytest
import soundfile
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.durations import (
    has_as_many_lines,
    read_durations,
    seconds,
    whole_segments,
    write_reco2dur,
    write_utt2dur,
    write_utt2num_frames,
)

UTTS = {"utt2spk": "a a\nb b\n"}


@pytest.fixture
def audio(tmp_path):
    """wav.scp of 0.5 s and 1.25 s."""
    for name, num_samples in (("a", 8000), ("b", 20000)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(num_samples), 16000)
    return {"wav.scp": f"a {tmp_path}/a.wav\nb {tmp_path}/b.wav\n"}


def utt2dur(data):
    said = []
    write_utt2dur(data, said.append)
    return (data / "utt2dur").read_text(), said


def test_seconds_have_six_digits():
    assert [seconds(value) for value in (1.0, 0.1234567, 12345.678)] == [
        b"1",
        b"0.123457",
        b"12345.7",
    ]


def test_durations_come_from_the_best_source_there_is(audio, tmp_path):
    data = write_tables(tmp_path / "d", UTTS | {"utt2num_frames": "a 98\nb 198\n"})
    assert utt2dur(data)[0] == "a 0.995\nb 1.995\n"  # and 1.5 frames for the last window
    for more, expected in [
        (audio, "a 0.5\nb 1.25\n"),
        ({"frame_shift": "0.02\n"}, "a 1.99\nb 3.99\n"),
        ({"segments": "a r 0.5 1.5\nb r 1.5 1.75\n"}, "a 1\nb 0.25\n"),
    ]:
        (data / "utt2dur").unlink()
        write_tables(data, more)
        assert utt2dur(data)[0] == expected


def test_existing_durations_are_not_computed_again(tmp_path):
    data = write_tables(tmp_path / "d", UTTS | {"utt2dur": "a 7\nb 8\n"})
    text, said = utt2dur(data)
    assert text == "a 7\nb 8\n" and said[0].endswith("We won't recompute it.")
    write_tables(data, {"utt2dur": "a 7\n", "utt2num_frames": "a 98\nb 98\n"})
    assert utt2dur(data)[0] == "a 0.995\nb 0.995\n"


def test_less_than_half_is_a_failure(audio, tmp_path):
    more = {"utt2spk": "a a\nb b\nc c\nd d\n", "wav.scp": audio["wav.scp"] + "c none.wav\n"}
    data = write_tables(tmp_path / "d", more)
    text, said = utt2dur(data)
    assert text == "a 0.5\nb 1.25\n"
    assert any(message.startswith("warning: no duration for c: ") for message in said)
    write_tables(data, {"utt2spk": "a a\nb b\nc c\nd d\ne e\n"})
    with pytest.raises(InputError, match="utt2dur: less than half of the durations"):
        utt2dur(data)
    with pytest.raises(InputError, match="Expected .*/wav.scp, .*segments or .*utt2num_frames to"):
        utt2dur(write_tables(tmp_path / "none", UTTS))


def test_recordings_have_the_durations_of_utterances_or_of_their_files(audio, tmp_path):
    data = write_tables(tmp_path / "d", UTTS | audio | {"utt2dur": "a 7\nb 8\n"})
    write_reco2dur(data, print)
    assert (data / "reco2dur").read_text() == "a 7\nb 8\n"
    (data / "reco2dur").unlink()
    write_tables(data, {"segments": "a a 0 0.5\nb b 0 1\n"})
    write_reco2dur(data, print)
    assert (data / "reco2dur").read_text() == "a 0.5\nb 1.25\n"


def test_frames_from_durations(tmp_path):
    data = write_tables(tmp_path / "d", UTTS | {"utt2dur": "a 1\nb 0.5\n"})
    write_utt2num_frames(data, print)
    assert (data / "utt2num_frames").read_text() == "a 98\nb 48\n"


def test_frames_from_durations_by_the_settings_of_moeasr(tmp_path):
    """As `compute_fbank` counts them: 8002 samples round to 50 shifts of 160, 8080 to 51."""
    data = write_tables(tmp_path / "d", UTTS | {"utt2dur": "a 0.5001\nb 0.505\n"})
    (data / "conf").mkdir()
    for snip_edges, frames in (("false", "a 50\nb 51\n"), ("true", "a 48\nb 49\n")):
        (data / "conf" / "fbank.yaml").write_text(f"snip_edges: {snip_edges}\n")
        (data / "utt2num_frames").unlink(missing_ok=True)
        write_utt2num_frames(data, print)
        assert (data / "utt2num_frames").read_text() == frames


@pytest.mark.parametrize("shift_sec", [0.0, -0.01, float("nan")])
def test_a_frame_shift_is_above_0(tmp_path, shift_sec):
    write_tables(tmp_path, {"utt2dur": "a 1\n"})
    with pytest.raises(InputError, match="--frame-shift must be above 0"):
        write_utt2num_frames(tmp_path, print, frame_shift_sec=shift_sec)


def test_whole_recordings_as_segments(tmp_path):
    data = write_tables(tmp_path / "d", {"utt2dur": "a 1.25\nb 3\n"})
    assert whole_segments(data, print) == [b"a a 0 1.25", b"b b 0 3"]


def test_lines_are_compared(tmp_path):
    data = write_tables(tmp_path, {"one": "a\nb\n", "two": "c\nd\n", "three": "e\n", "none": ""})
    assert has_as_many_lines(data / "one", data / "two")
    assert not has_as_many_lines(data / "one", data / "three")
    assert not has_as_many_lines(data / "none", data / "none")
    assert not has_as_many_lines(data / "missing", data / "one")
    assert sorted(read_tables(data)) == ["none", "one", "three", "two"]


@pytest.mark.parametrize("value", ["x", "nan", "inf", "-1"])
def test_a_duration_is_a_number_of_seconds(tmp_path, value):
    path = tmp_path / "utt2dur"
    path.write_text(f"a-1 0\na-2 {value}\n")
    with pytest.raises(InputError, match="utt2dur: a duration is not a number of seconds"):
        read_durations(path)
    path.write_text("a-1 0\na-2 1e1\n")
    assert read_durations(path) == {b"a-1": 0.0, b"a-2": 10.0}
