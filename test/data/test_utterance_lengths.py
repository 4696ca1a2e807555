"""Lengths of utterances, from the table and from headers."""

import numpy as np
import pytest

from moeasr.data.utterance_lengths import listed_lengths, measure_missing
from moeasr.datadir.utterances import open_utterances
from moeasr.errors import InputError


@pytest.fixture
def utterances(tmp_path):
    (tmp_path / "feats.scp").write_text("a x:1\nb x:2\nc x:3\n")
    return open_utterances(tmp_path / "feats.scp")


class Reader:
    """A reader that records the measured utterances, and returns 7 frames for each."""

    def __init__(self):
        self.measured = []

    def num_frames(self, utterance):
        self.measured.append(utterance.utt_id)
        return 7


def test_only_what_is_not_listed_is_measured(tmp_path, utterances):
    assert listed_lengths(tmp_path, utterances).tolist() == [-1, -1, -1]
    (tmp_path / "utt2num_frames").write_text("c 30\na 0\nz 9\n")
    listed = listed_lengths(tmp_path, utterances)
    assert listed.tolist() == [0, -1, 30]
    reader = Reader()
    assert measure_missing(listed, utterances, reader).tolist() == [0, 7, 30]
    assert reader.measured == ["b"]
    assert listed.tolist() == [0, -1, 30]  # unchanged
    assert measure_missing(np.array([1, 2, 3]), utterances, reader).tolist() == [1, 2, 3]


def test_a_length_below_zero_is_named(tmp_path, utterances):
    (tmp_path / "utt2num_frames").write_text("a 3\nb -1\n")
    with pytest.raises(InputError, match=r"utt2num_frames: utterance b has -1 frames; make this"):
        listed_lengths(tmp_path, utterances)
