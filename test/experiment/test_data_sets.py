"""The sizes of the data sets of a training."""

import json
from types import SimpleNamespace

import numpy as np

from moeasr.experiment.data_sets import write_data_sets
from moeasr.features.fbank_config import FbankConfig


class Lengths(SimpleNamespace):
    """Utterances of which only the lengths are known."""

    def __len__(self):
        return len(self.num_frames)


def test_hours_follow_from_frames_and_the_frame_shift(tmp_path, caplog):
    caplog.set_level("INFO")
    train = Lengths(num_frames=np.array([200_000, 160_000]))
    dev = Lengths(num_frames=np.array([900]))
    fbank = FbankConfig(frame_shift_ms=20.0)
    write_data_sets(tmp_path, ("data/train_sp", train), ("data/dev", dev), fbank)
    assert json.loads((tmp_path / "data_sets.json").read_text()) == {
        "train": {"dir": "data/train_sp", "num_utts": 2, "hours": 2.0},
        "dev": {"dir": "data/dev", "num_utts": 1, "hours": 0.005},
    }
    assert "train: 2 utterances of data/train_sp, 2 h 00 min of audio" in caplog.messages
