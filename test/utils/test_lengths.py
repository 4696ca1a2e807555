"""get_reco2dur.sh, get_utt2num_frames.sh, get_segments_for_data.sh, extend_segment_times.py."""

import numpy as np
import pytest
import soundfile
import torch

from moeasr.features.archive import open_archive
from moeasr.kaldi.segments import Padding, extend_segments

SEGMENTS = "u1 r 6.3 9.8\nu2 r 0.2 6.2\nu3 q 1 1.5\n"


def test_recordings_are_measured_by_their_headers(call, data):
    for name, num_samples in (("r1.wav", 12000), ("r2.flac", 4000)):
        soundfile.write(call.cwd / name, np.zeros(num_samples), 8000)
    data(
        wav_DOT_scp="r1 r1.wav\nr2 flac -c -d -s r2.flac |\n",
        segments="a-1 r1 0 1\na-2 r1 1 1.5\nb-1 r2 0 0.1\n",
    )
    done = call("data/get_reco2dur.sh", "--cmd", "run.pl", "--frame-shift", 0.01, "my data")
    assert done.returncode == 0, done.stderr
    assert "obtaining durations from recordings" in done.stdout
    assert (call.cwd / "my data/reco2dur").read_text() == "r1 1.5\nr2 0.5\n"
    done = call("data/get_reco2dur.sh", "my data")
    assert "already exists with the expected length.  We won't recompute it." in done.stdout


def test_recordings_that_are_utterances_have_their_durations(call, data):
    path = data()
    assert "copying utt2dur to reco2dur" in call("data/get_reco2dur.sh", "my data").stdout
    assert (path / "reco2dur").read_text() == (path / "utt2dur").read_text()
    done = call("data/get_reco2dur.sh", "none")
    assert done.returncode == 1 and "no such file none/wav.scp" in done.stderr


def test_frames_from_durations_as_in_kaldi(call, data):
    path = data(utt2num_frames="")  # an empty one is none
    done = call("data/get_utt2num_frames.sh", "my data")
    assert done.returncode == 0, done.stderr
    assert (path / "utt2num_frames").read_text() == (
        "a-1 98\na-2 248\nb-1 88\nb-2 178\nb-3 48\nc-1 398\n"
    )
    assert "already present!" in call("data/get_utt2num_frames.sh", "my data").stdout
    (path / "utt2num_frames").unlink()
    call("data/get_utt2num_frames.sh", "--frame-shift", 0.02, "--frame-overlap", 0.09, "my data")
    assert (path / "utt2num_frames").read_text().startswith("a-1 45\na-2 120\n")


def test_frames_from_features(call, data):
    with open_archive(call.cwd / "f.ark", call.cwd / "f.scp") as archive:
        for utt, num_frames in (("a-1", 7), ("a-2", 30)):
            archive.write(utt, torch.zeros(num_frames, 4))
    path = data(feats_DOT_scp=(call.cwd / "f.scp").read_text())
    done = call("data/get_utt2num_frames.sh", "my data")
    assert (done.returncode, done.stderr) == (0, "")
    assert (path / "utt2num_frames").read_text() == "a-1 7\na-2 30\n"
    (path / "utt2num_frames").unlink()
    (call.cwd / "f.ark").unlink()
    done = call("data/get_utt2num_frames.sh", "my data")
    assert done.returncode == 1 and "features of utterance a-1: archive" in done.stderr
    assert not (path / "utt2num_frames").exists()


def test_segments_of_whole_recordings(call, data):
    data(utt2dur="a-1 1.25\na-2 3\n")
    done = call("data/get_segments_for_data.sh", "my data")
    assert done.stdout == "a-1 a-1 0 1.25\na-2 a-2 0 3\n"
    frames = "a-1 100\na-2 50\nb-1 50\n"
    data("new", without=["utt2dur"], frame_shift="0.01\n", utt2num_frames=frames)
    done = call("data/get_segments_for_data.sh", "new")
    assert done.stdout == "a-1 a-1 0 1.015\na-2 a-2 0 0.515\nb-1 b-1 0 0.515\n"
    assert "computing new/utt2dur" in done.stderr  # standard output is for the segments


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "u1 r 6.25 9.9\nu2 r 0.1 6.25\nu3 q 0.9 1.6\n"),
        (
            ["--start-padding=0.3", "--last-segment-end-padding", "0"],
            "u1 r 6.15 9.8\nu2 r 0 6.15\nu3 q 0.7 1.5\n",
        ),
        (
            ["--fix-overlapping-segments=false", "--end-padding=0.2"],
            "u1 r 6.2 9.9\nu2 r 0.1 6.4\nu3 q 0.9 1.6\n",
        ),
    ],
)
def test_segments_are_extended_as_in_kaldi(call, options, expected):
    done = call("data/extend_segment_times.py", *options, stdin=SEGMENTS)
    assert (done.returncode, done.stdout) == (0, expected)
    assert "extended 3 segments; fixed" in done.stderr


def test_a_segment_within_another_is_parted_from_it_in_the_middle_of_their_overlap():
    """With their padding they overlap from 5.9 to 10.1 s; the one with the earlier middle ends."""
    extended = extend_segments([b"u1 r 0 10", b"u2 r 6 9"], Padding(), print)
    assert extended == ([b"u1 r 0 8", b"u2 r 8 9.1"], 1)


def test_times_of_long_recordings_keep_six_digits_behind_the_point():
    extended = extend_segments([b"u1 r 12345.678901 12350.25"], Padding(), print)
    assert extended == ([b"u1 r 12345.578901 12350.35"], 0)


def test_faults_of_segments(call):
    done = call("data/extend_segment_times.py", stdin=f"{SEGMENTS}u4 r 2\n")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "extend_segment_times.py: line 4: could not interpret line: u4 r 2\n"
    done = call("data/extend_segment_times.py", stdin="u1 r 3 2\nu2 r 5 6\n")
    assert done.stdout == "u2 r 4.9 6.1\n"
    assert "bad segment u1: it ends before it begins (ignoring)" in done.stderr


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("prepare_lang.sh", "moeasr needs no lexicon, lang directory or grammar"),
        ("steps/make_mfcc.sh", "moeasr works on filter banks: call steps/make_fbank.sh instead"),
        ("steps/compute_cmvn_stats.sh", "made in stage 1 of run.sh: leave this call out"),
    ],
)
def test_what_moeasr_has_no_part_for_says_so(call, script, message):
    done = call(script, "data/train", "exp/x")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert message in done.stderr
