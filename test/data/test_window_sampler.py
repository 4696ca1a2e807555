"""Batches from a few shards at a time: properties that training and resuming rely on."""

import numpy as np
import pytest

from moeasr.data.sampler import BatchConfig
from moeasr.data.window_sampler import ShardWindowSampler
from moeasr.errors import InputError

RNG = np.random.default_rng(0)
LENGTHS = RNG.gamma(4.0, 100.0, size=1100).astype(int) + 10
SHARDS = RNG.permutation(np.arange(1100) // 50)  # 50 utterances in each, 22 shards
SHARDS[SHARDS == 7] = 40  # numbers need not be without gaps


def batches(epoch=1, seed=1, rank=0, world_size=1, window=4, max_frames=4000, **settings):
    config = BatchConfig(max_frames=max_frames, window_shards=window, **settings)
    sampler = ShardWindowSampler(LENGTHS, SHARDS, config, seed, rank, world_size)
    return list(sampler.batches(epoch))


@pytest.mark.parametrize("window", [1, 4, 100])
def test_each_utterance_is_in_exactly_one_batch_within_the_limits(window):
    for epoch in range(2):
        result = batches(epoch, window=window)
        assert sorted(i for batch in result for i in batch) == list(range(len(LENGTHS)))
        assert all(len(batch) * LENGTHS[batch].max() <= 4000 for batch in result)


@pytest.mark.parametrize("window", [1, 4])
def test_a_shard_is_needed_within_one_window_only(window):
    first_turn, last_turn = {}, {}
    for turn, batch in enumerate(batches(window=window)):
        for shard in SHARDS[batch].tolist():
            first_turn.setdefault(shard, turn)
            last_turn[shard] = turn
    # at no time are more shards open than a window has
    for turn in range(len(batches(window=window))):
        open_shards = [s for s in first_turn if first_turn[s] <= turn <= last_turn[s]]
        assert len(open_shards) <= window


def test_batches_are_mixed_and_of_similar_lengths():
    result = batches(window=8)
    padding = 1 - LENGTHS.sum() / sum(len(b) * LENGTHS[b].max() for b in result)
    assert padding < 0.2 < 1 - LENGTHS.sum() / (len(LENGTHS) * LENGTHS.max())
    assert np.mean([len(set(SHARDS[batch])) for batch in result if len(batch) > 4]) > 3


def test_the_list_is_a_function_of_seed_and_epoch():
    assert batches(epoch=4) == batches(epoch=4)
    assert batches(epoch=4) != batches(epoch=5)
    assert batches(epoch=4) != batches(epoch=4, seed=2)
    config = BatchConfig(max_frames=4000, window_shards=4)
    sampler = ShardWindowSampler(LENGTHS, SHARDS, config, 1)
    for epoch in (0, 7, 4):
        last = sampler.batches(epoch)
    assert list(last) == batches(epoch=4)
    assert list(last[5:]) == batches(epoch=4)[5:]


@pytest.mark.parametrize("world_size", [2, 3, 8])
def test_ranks_read_shards_of_their_own_and_have_equally_many_batches(world_size):
    shares = [batches(3, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert len({len(share) for share in shares}) == 1
    shards = [{int(s) for batch in share for s in SHARDS[batch]} for share in shares]
    assert sum(map(len, shards)) == 22 and len(set.union(*shards)) == 22
    for share in shares:
        utts = [i for batch in share for i in batch]
        repeated = len(utts) - len(set(utts))
        assert repeated <= 75  # one shard more or less
    assert {i for share in shares for batch in share for i in batch} == set(range(len(LENGTHS)))
    # another epoch deals them out anew
    assert {int(s) for b in batches(4, world_size=world_size) for s in SHARDS[b]} != shards[0]


def test_each_epoch_and_each_rank_shuffles_on_its_own():
    """In 200 epochs over two shards of 8, the first utterance is uniform (4 sigma)."""
    config = BatchConfig(max_frames=10, window_shards=1)  # an utterance a batch
    samplers = [
        ShardWindowSampler(np.full(16, 10), np.arange(16) // 8, config, 0, rank, 2)
        for rank in (0, 1)
    ]
    firsts = np.array([[s.batches(e)[0][0] % 8 for s in samplers] for e in range(200)])
    mean, deviation = 200 / 8, (200 * 1 / 8 * 7 / 8) ** 0.5
    for rank in (0, 1):
        counts = np.bincount(firsts[:, rank], minlength=8)
        assert (abs(counts - mean) < 4 * deviation).all()
    assert abs((firsts[:, 0] == firsts[:, 1]).sum() - mean) < 4 * deviation


def test_more_processes_than_shards_are_refused():
    with pytest.raises(InputError, match="window_shards`: 22 shards are too few for 23 processes"):
        batches(world_size=23)


def test_batches_are_in_ascending_order_of_length_within_each_window_of_the_first_epochs():
    result, shuffled = batches(window=11, short_first_epochs=1), batches(window=11)
    assert sorted(result) == sorted(shuffled)
    longest = [LENGTHS[batch].max() for batch in result]
    falls = [turn for turn in range(1, len(longest)) if longest[turn] < longest[turn - 1]]
    assert len(falls) == 1, "22 shards are two windows"
    parts = shuffled[: falls[0]], shuffled[falls[0] :]
    assert [sorted(part) for part in parts] == [
        sorted(result[: falls[0]]),
        sorted(result[falls[0] :]),
    ]
    assert batches(epoch=2, short_first_epochs=1) == batches(epoch=2)


@pytest.mark.parametrize("num_done", [0, 6])
def test_no_utterance_is_lost_or_doubled_when_the_number_of_processes_changes(num_done):
    """An epoch begins on 2 ranks, goes on on 1, and ends on 3."""

    def resumed(parts, rank=0, world_size=1):
        config = BatchConfig(max_frames=4000, window_shards=4)
        sampler = ShardWindowSampler(LENGTHS, SHARDS, config, 1, rank, world_size)
        sampler.leave_out(2, parts)
        sampler.batches(1)
        return list(sampler.batches(2))

    parts = [(2, 5), (1, num_done)]
    done = [batch for rank in range(2) for batch in batches(2, rank=rank, world_size=2)[:5]]
    done += resumed(parts[:1])[:num_done]
    num_left = len(resumed(parts))
    rest = [resumed(parts, rank, 3) for rank in range(3)]
    in_order = [share[turn] for turn in range(len(rest[0])) for share in rest]
    assert len(in_order) == num_left + -num_left % 3
    indices = [index for batch in done + in_order[:num_left] for index in batch]
    assert sorted(indices) == list(range(len(LENGTHS)))
    num_turns = len(batches(2, world_size=2))
    assert resumed([(2, num_turns)], 2, 3) == []


def test_a_second_run_of_two_processes_counts_the_batches_of_both():
    """Epoch 2 begins on 3 processes, goes on with 2 and ends with 1."""
    lengths, shards = np.full(240, 10), np.arange(240) // 10
    config = BatchConfig(max_frames=20, window_shards=4)

    def batches_of(rank, world_size, *parts):
        sampler = ShardWindowSampler(lengths, shards, config, 1, rank, world_size)
        if parts:
            sampler.leave_out(2, parts)
        return list(sampler.batches(2))

    done = [batch for rank in range(3) for batch in batches_of(rank, 3)[:5]]
    done += [batch for rank in range(2) for batch in batches_of(rank, 2, (3, 5))[:7]]
    done += batches_of(0, 1, (3, 5), (2, 7))
    assert sorted(i for batch in done for i in batch) == list(range(240))
