"""CMVN statistics utterance by utterance."""

import audio_sets
import pytest
import torch

from moeasr.data.cmvn_job import CmvnJob
from moeasr.data.data_type import find_data_type
from moeasr.errors import InputError
from moeasr.features.cmvn import CmvnStats


@pytest.fixture
def job(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.segments(tmp_path), "feats")
    kind = find_data_type("feats")
    return CmvnJob(kind.open(data_dir), kind.open_reader(data_dir))


def test_the_sums_are_those_of_the_utterances_frames(job):
    feats = job.reader.read(job.utterances[2])
    stats = job.stats_of(2)
    assert stats.frame_num == len(feats) == 100
    expected = CmvnStats.of(feats)
    assert torch.equal(stats.mean_stat, expected.mean_stat)
    assert torch.equal(stats.var_stat, expected.var_stat)


def test_an_error_names_the_utterance(job, monkeypatch):
    def fail(utterance):
        raise MemoryError("too much")

    monkeypatch.setattr(job.reader, "read", fail)
    with pytest.raises(InputError, match="utterance u1.*MemoryError"):
        job.stats_of(0)
