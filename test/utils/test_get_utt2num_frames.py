"""get_utt2num_frames.sh: frames from features or from durations."""

import pytest
import torch

from moeasr.features.archive import open_archive


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


@pytest.mark.slow
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
