"""Plans of batches, which decoding and samplers share."""

import numpy as np
import pytest

from moeasr.batch_plan import cut_batches, longest_first, plan_batches
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.errors import InputError


def test_batches_contain_every_utterance_once_and_respect_batch_frames():
    num_frames = [30, 100, 40, 10, 0, 250, 40, 41]
    batches = plan_batches(num_frames, batch_frames=120)
    assert sorted(sum(batches, [])) == list(range(8))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(num_frames[i] for i in batch) <= 120
    assert batches == [[5], [1], [7, 2], [6, 0, 3], [4]]
    with pytest.raises(InputError, match="batch_frames"):
        plan_batches([1], 0)


def test_a_sequence_is_cut_where_one_more_utterance_exceeds_a_limit():
    num_frames = np.array([30, 10, 10, 50, 200, 1, 1, 1])
    assert cut_batches(num_frames, max_frames=100).tolist() == [0, 3, 4, 5, 8]
    assert cut_batches(num_frames, max_frames=100, max_utts=2).tolist() == [0, 2, 4, 5, 7, 8]
    assert cut_batches(num_frames[:0], max_frames=100).tolist() == [0]


def test_the_longest_come_first_and_equals_keep_their_order():
    assert longest_first(np.array([3, 9, 3, 5])).tolist() == [1, 3, 0, 2]


def test_a_test_set_is_planned_as_a_development_set():
    num_frames = np.random.default_rng(1).integers(0, 900, 200)
    sampler = BucketBatchSampler(num_frames, BatchConfig(max_frames=4000), seed=0, shuffle=False)
    assert plan_batches(num_frames.tolist(), 4000) == list(sampler.batches(0))
