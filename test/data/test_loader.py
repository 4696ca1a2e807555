"""The order of batches, in this process and in the background."""

import multiprocessing
import os
import pickle
import signal
from pathlib import Path

import pytest
import torch

from moeasr.data import background
from moeasr.data.background import in_background
from moeasr.data.batch import Batch
from moeasr.data.dataset import AsrDataset
from moeasr.data.loader import batch_stream
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.augment import SpecAugmentConfig

pytestmark = pytest.mark.usefixtures("fails_rather_than_hangs")

LENGTHS = [20 + 7 * (n * 13 % 17) for n in range(40)]


@pytest.fixture(params=[1, 2], ids=["one view", "two views"])
def dataset(tmp_path: Path, request: pytest.FixtureRequest) -> AsrDataset:
    generator = torch.Generator().manual_seed(0)
    with open_archive(tmp_path / "f.ark", tmp_path / "feats.scp") as archive:
        for number, length in enumerate(LENGTHS):
            archive.write(f"u{number:02d}", torch.randn(length, 5, generator=generator))
    entries = dict(line.split() for line in (tmp_path / "feats.scp").read_text().splitlines())
    utterances = [
        Utterance(utt_id, None, "", entry, num_frames=length)
        for (utt_id, entry), length in zip(entries.items(), LENGTHS)
    ]
    masks = SpecAugmentConfig(max_freq_bins=2)
    return AsrDataset(utterances, None, masks, torch.zeros(5), seed=0, num_views=request.param)


@pytest.fixture
def sampler() -> BucketBatchSampler:
    return BucketBatchSampler(LENGTHS, BatchConfig(max_frames=500, num_buckets=4), seed=0)


def equal(one: Batch, other: Batch) -> bool:
    return one.utt_ids == other.utt_ids and torch.equal(one.feats, other.feats)


def test_order_is_the_samplers_with_and_without_workers(
    dataset: AsrDataset, sampler: BucketBatchSampler
) -> None:
    here = list(batch_stream(dataset, sampler, 1, 0, num_workers=0))
    background = list(batch_stream(dataset, sampler, 1, 0, num_workers=2))
    expected = [tuple(f"u{i:02d}" for i in batch) for batch in sampler.batches(1)]
    assert [batch.utt_ids[: len(ids)] for batch, ids in zip(here, expected)] == expected
    assert len(here) == len(background)
    assert all(equal(one, other) for one, other in zip(here, background))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_epoch_is_the_rest_of_an_unbroken_one(
    dataset: AsrDataset, sampler: BucketBatchSampler, num_workers: int
) -> None:
    whole = list(batch_stream(dataset, sampler, 2, 0, 0))
    rest = list(batch_stream(dataset, sampler, 2, 3, num_workers))
    assert len(rest) == len(whole) - 3 > 0
    assert all(equal(one, other) for one, other in zip(whole[3:], rest))
    assert list(batch_stream(dataset, sampler, 2, len(whole), num_workers)) == []


def test_batches_before_the_start_are_not_read(
    dataset: AsrDataset, sampler: BucketBatchSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    original = AsrDataset.__getitem__
    monkeypatch.setattr(
        AsrDataset, "__getitem__", lambda self, key: read.append(key) or original(self, key)
    )
    list(batch_stream(dataset, sampler, 2, 3, 0))
    assert read == [(2, index) for batch in sampler.batches(2)[3:] for index in batch]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_global_generator_is_left_alone(
    dataset: AsrDataset, sampler: BucketBatchSampler, num_workers: int
) -> None:
    before = torch.get_rng_state()
    next(batch_stream(dataset, sampler, 0, 0, num_workers))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_broken_utterance_is_one_sentence_at_its_turn(
    dataset: AsrDataset, sampler: BucketBatchSampler, tmp_path: Path, num_workers: int
) -> None:
    ark = tmp_path / "f.ark"
    ark.write_bytes(ark.read_bytes()[:-4])  # the last utterance lacks a value
    turn = next(i for i, batch in enumerate(sampler.batches(0)) if 39 in batch)
    stream = batch_stream(dataset, sampler, 0, 0, num_workers)
    for _ in range(turn):
        next(stream)
    with pytest.raises(InputError) as caught:
        next(stream)
    assert (
        str(caught.value)
        == f"features of utterance u39: archive {ark} is truncated; compute the features again"
    )
    assert not multiprocessing.active_children()  # though the error, with its traceback, lives on


def test_a_worker_that_is_killed_is_one_sentence(
    dataset: AsrDataset, sampler: BucketBatchSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "PIPE_BYTES", 4096)  # or all batches would be there already
    stream = batch_stream(dataset, sampler, 1, 0, num_workers=1)
    next(stream)
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(InputError, match="^a background process was killed by SIGKILL; is there"):
        list(stream)


def spoilt(number: int) -> int:
    if number == 2:
        raise OSError(5, "Input/output error", "some file")
    return number


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_disk_error_is_reported_with_pythons_text(num_workers: int) -> None:
    results = in_background(spoilt, range(4), num_workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(OSError, match="Input/output error: 'some file'"):
        next(results)


def test_a_list_of_batches_is_small(dataset: AsrDataset) -> None:
    """Python lists for a million utterances would take 50 MB, which every worker copies."""
    lengths = [100 + number % 50 for number in range(100_000)]
    sampler = BucketBatchSampler(lengths, BatchConfig(max_frames=500), seed=0)
    assert len(pickle.dumps(sampler.batches(1))) < 25 * len(lengths)


def test_sigterm_to_the_whole_group_does_not_take_the_batches_away(
    dataset: AsrDataset, sampler: BucketBatchSampler
) -> None:
    """Batch systems and `timeout` signal every process; the trainer decides when to stop."""
    expected = [batch.utt_ids for batch in batch_stream(dataset, sampler, 1, 0, num_workers=0)]
    stream = batch_stream(dataset, sampler, 1, 0, num_workers=2)
    got = [next(stream).utt_ids]
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGTERM)
    got += [batch.utt_ids for batch in stream]
    assert got == expected
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])  # nothing stays blocked here
