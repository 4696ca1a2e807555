"""Properties of batch lists that training and resuming rely on."""

from collections import Counter

import numpy as np
import pytest

from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.errors import InputError

LENGTHS = np.random.default_rng(0).gamma(4.0, 100.0, size=503).astype(int) + 10


def batches(epoch: int = 0, seed: int = 1, rank: int = 0, world_size: int = 1, **settings):
    shuffle = settings.pop("shuffle", True)
    config = BatchConfig(**{"max_frames": 6000, **settings})
    sampler = BucketBatchSampler(LENGTHS.tolist(), config, seed, rank, world_size, shuffle)
    return list(sampler.batches(epoch))


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_utterance_is_in_exactly_one_batch(shuffle: bool) -> None:
    for epoch in range(3):
        indices = [index for batch in batches(epoch, shuffle=shuffle) for index in batch]
        assert sorted(indices) == list(range(len(LENGTHS)))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("max_utts", [None, 7])
def test_padded_frames_and_utterances_stay_within_the_limits(
    shuffle: bool, max_utts: int | None
) -> None:
    for batch in batches(shuffle=shuffle, max_utts=max_utts):
        assert len(batch) * LENGTHS[batch].max() <= 6000
        assert len(batch) <= (max_utts or 6000)


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_full(shuffle: bool) -> None:
    """The number of batches exceeds the minimum by a few percent at most."""
    result = batches(shuffle=shuffle)
    padded = sum(len(batch) * LENGTHS[batch].max() for batch in result)
    assert len(result) <= 1.15 * padded / 6000


def test_padding_is_little_and_buckets_govern_it() -> None:
    def padding(num_buckets: int) -> float:
        result = batches(num_buckets=num_buckets)
        return 1 - LENGTHS.sum() / sum(len(batch) * LENGTHS[batch].max() for batch in result)

    assert padding(20) < 0.1 < 0.25 < padding(1)


def test_an_utterance_above_the_limit_is_a_batch_of_its_own() -> None:
    sampler = BucketBatchSampler([50, 900, 60, 70], BatchConfig(max_frames=200), seed=0)
    result = list(sampler.batches(0))
    assert [1] in result
    assert sorted(index for batch in result for index in batch) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("lengths", "limits", "expected"),
    [
        ([50] * 5, {"max_frames": 200}, [[0, 1, 2, 3], [4]]),  # exactly 200 frames
        ([50] * 5, {"max_frames": 199}, [[0, 1, 2], [3, 4]]),
        ([50] * 5, {"max_frames": 200, "max_utts": 2}, [[0, 1], [2, 3], [4]]),
        ([100, 100, 50, 50, 50, 50], {"max_frames": 200}, [[0, 1], [2, 3, 4, 5]]),
        ([60, 50, 50, 50], {"max_frames": 200}, [[0, 1, 2], [3]]),  # padded to 60 frames each
        ([200, 1], {"max_frames": 200}, [[0], [1]]),
    ],
)
def test_a_batch_is_full_when_one_more_utterance_would_exceed_a_limit(
    lengths: list[int], limits: dict[str, int], expected: list[list[int]]
) -> None:
    sampler = BucketBatchSampler(lengths, BatchConfig(**limits), seed=0, shuffle=False)
    assert list(sampler.batches(0)) == expected
    in_one_bucket = BatchConfig(**limits, num_buckets=1)
    if len(set(lengths)) == 1:  # then their order does not matter
        shuffled = BucketBatchSampler(lengths, in_one_bucket, seed=0).batches(0)
        assert sorted(map(len, shuffled)) == sorted(map(len, expected))


def test_the_list_is_a_function_of_seed_and_epoch() -> None:
    assert batches(epoch=4) == batches(epoch=4)
    assert batches(epoch=4) != batches(epoch=5)
    assert batches(epoch=4, seed=1) != batches(epoch=4, seed=2)
    first = {tuple(sorted(batch)) for batch in batches(epoch=4)}
    second = {tuple(sorted(batch)) for batch in batches(epoch=5)}
    assert len(first & second) < 0.1 * len(first), "batches are made up anew each epoch"


def test_asking_for_other_epochs_before_changes_nothing() -> None:
    sampler = BucketBatchSampler(LENGTHS.tolist(), BatchConfig(max_frames=6000), seed=1)
    for epoch in (0, 1, 7):
        sampler.batches(epoch)
    assert list(sampler.batches(2)) == batches(epoch=2)


def test_long_and_short_batches_are_mixed() -> None:
    correlations = []
    for epoch in range(30):
        longest = [LENGTHS[batch].max() for batch in batches(epoch)]
        correlations.append(np.corrcoef(np.arange(len(longest)), longest)[0, 1])
    assert abs(np.mean(correlations)) < 0.1


def test_without_shuffling_the_longest_come_first_in_every_epoch() -> None:
    result = batches(shuffle=False)
    assert result == batches(epoch=9, seed=5, shuffle=False)
    order = LENGTHS[[index for batch in result for index in batch]]
    assert (np.diff(order) <= 0).all()


@pytest.mark.parametrize("world_size", [2, 3, 8])
def test_ranks_share_one_processs_list_in_equal_parts(world_size: int) -> None:
    together = batches(epoch=3)
    ranks = [batches(epoch=3, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert len({len(part) for part in ranks}) == 1
    # step by step, over the ranks: the one process's order, and then its start again
    interleaved = [part[step] for step in range(len(ranks[0])) for part in ranks]
    assert interleaved[: len(together)] == together
    num_repeated = len(interleaved) - len(together)
    assert num_repeated < world_size
    assert interleaved[len(together) :] == together[:num_repeated]


def test_more_ranks_than_batches_still_get_one_each() -> None:
    sampler = [BucketBatchSampler([5, 5], BatchConfig(), 0, rank, 5) for rank in range(5)]
    assert [len(part.batches(0)) for part in sampler] == [1] * 5


def test_no_utterances_are_no_batches() -> None:
    assert len(BucketBatchSampler([], BatchConfig(), 0).batches(0)) == 0
    assert len(BucketBatchSampler([], BatchConfig(), 0, shuffle=False).batches(0)) == 0


def test_more_buckets_than_utterances() -> None:
    result = BucketBatchSampler([3, 1, 2], BatchConfig(num_buckets=50), 0).batches(0)
    assert Counter(index for batch in result for index in batch) == Counter([0, 1, 2])


@pytest.mark.parametrize("setting", ["max_frames", "max_utts"])
def test_a_limit_below_one_is_refused(setting: str) -> None:
    with pytest.raises(InputError, match=f"`{setting}` must be 1 or more, but is 0"):
        BatchConfig(**{setting: 0})


def test_a_wrong_number_of_buckets_is_refused() -> None:
    with pytest.raises(InputError, match="`num_buckets` must be at least 1, but is 0"):
        BatchConfig(num_buckets=0)
    with pytest.raises(InputError, match="`num_buckets` must be at most 1000000, but is 10000000"):
        BatchConfig(num_buckets=10**12)


def test_a_set_that_is_not_shuffled_is_shared_without_repeats() -> None:
    """A dev loss must not depend on the number of ranks."""
    whole = batches(shuffle=False)
    shares = [batches(shuffle=False, rank=rank, world_size=5) for rank in range(5)]
    assert len(whole) % 5  # or this would show nothing
    assert sorted(batch for share in shares for batch in share) == sorted(whole)


def test_the_batches_of_the_first_epochs_are_in_ascending_order_of_length() -> None:
    for epoch in (1, 2):
        result = batches(epoch, short_first_epochs=2)
        longest = [LENGTHS[batch].max() for batch in result]
        assert longest == sorted(longest)
        assert sorted(result) == sorted(batches(epoch)), "the batches are those of every epoch"
        assert result == batches(epoch, short_first_epochs=2)
    assert batches(3, short_first_epochs=2) == batches(3)


def test_ranks_share_batches_in_ascending_order_of_length() -> None:
    together = batches(1, short_first_epochs=1)
    ranks = [batches(1, rank=rank, world_size=2, short_first_epochs=1) for rank in (0, 1)]
    interleaved = [batch for pair in zip(*ranks) for batch in pair]
    assert interleaved[: len(together)] == together


def test_development_data_stay_in_descending_order_of_length() -> None:
    assert batches(shuffle=False, short_first_epochs=3) == batches(shuffle=False)


def test_a_negative_number_of_epochs_is_refused() -> None:
    with pytest.raises(InputError, match="`short_first_epochs` must be 0 or more, but is -1"):
        BatchConfig(short_first_epochs=-1)


def resumed(parts, rank=0, world_size=1):
    """The batches of a rank that resumes in epoch 3 after parts by other numbers of processes."""
    sampler = BucketBatchSampler(LENGTHS, BatchConfig(max_frames=6000), 1, rank, world_size)
    sampler.leave_out(3, parts)
    sampler.batches(1)  # asking for another epoch changes nothing
    return list(sampler.batches(3))


def test_no_utterance_is_lost_or_doubled_when_the_number_of_processes_changes() -> None:
    """An epoch begins on 2 ranks, goes on on 1, and ends on 3."""
    done = [batch for rank in range(2) for batch in batches(3, rank=rank, world_size=2)[:5]]
    done += resumed([(2, 5)])[:4]
    rest = [resumed([(2, 5), (1, 4)], rank, 3) for rank in range(3)]
    num_turns = -(-(len(batches(3)) - 14) // 3)
    assert [len(share) for share in rest] == [num_turns] * 3
    in_order = [share[turn] for turn in range(num_turns) for share in rest]
    unique = in_order[: len(batches(3)) - 14]  # the last turn is filled with the first batches
    assert in_order[len(unique) :] == unique[: len(in_order) - len(unique)]
    indices = [index for batch in done + unique for index in batch]
    assert sorted(indices) == list(range(len(LENGTHS)))


def test_an_epoch_that_other_processes_have_finished_has_no_batches() -> None:
    num_turns = len(batches(3, world_size=2))
    assert resumed([(2, num_turns)]) == resumed([(2, num_turns)], 1, 3) == []
