"""The check before a training: the batches that it runs, and the lines that it prints."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from systems import make_system

from moeasr.config import from_mapping
from moeasr.data.batch import Example
from moeasr.data.sampler import BucketBatchSampler
from moeasr.errors import InputError
from moeasr.experiment import preflight
from moeasr.experiment.config import ExperimentConfig
from moeasr.experiment.preflight import Preflight

LENGTHS = [10, 40, 12, 11, 50, 10, 10]
LIMITS = {"max_frames": 50, "num_buckets": 2}


def make_preflight(tmp_path, rehearse, num_views=1, **train):
    config = from_mapping(ExperimentConfig, {"data": {"batch": LIMITS}, "train": train}, "here")
    empty = torch.tensor([7, 8])
    dataset = {
        (config.train.max_epochs, index): Example(f"u{index}", feats, empty, second_view=second)
        for index, feats in enumerate(torch.zeros(length, 2) for length in LENGTHS)
        for second in [feats if num_views == 2 else None]
    }
    sampler = BucketBatchSampler(np.array(LENGTHS), config.data.batch, seed=1)
    train = SimpleNamespace(
        utterances=SimpleNamespace(num_frames=np.array(LENGTHS)),
        dataset=dataset,
        sampler=sampler,
        num_batches=lambda epoch: len(sampler.batches(epoch)),
    )
    return Preflight(
        trainer=SimpleNamespace(rehearse=rehearse),
        model=torch.nn.Linear(10, 10),
        train=train,
        config=config,
        exp_dir=tmp_path / "exp",
        device=torch.device("cpu"),
    )


def test_the_longest_and_the_widest_batch_are_rehearsed_and_nothing_is_written(tmp_path):
    """The batch of the most utterances has the utterances of 12, 11, 10 and 10 frames."""
    seen = []
    lines = list(make_preflight(tmp_path, lambda batch: seen.append(batch.utt_ids)).run())
    assert seen == [("u4",)] * 2 + [("u2", "u3", "u0", "u5")] * 2
    assert lines[0].startswith("checkpoints: at most 0 MB; ")
    assert lines[1].startswith(
        "batch of the longest utterances: 1 utterance, 50 frames with padding, 2 tokens: "
    )
    assert lines[2].startswith(
        "batch of the most utterances: 4 utterances, 48 frames with padding, 8 tokens: "
    )
    assert lines[3].startswith("peak memory: ") and lines[3].endswith("B in process 0")
    assert lines[4].startswith("an epoch: ") and lines[4].endswith(" without evaluation")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("num_views", [1, 2])
def test_the_time_of_an_epoch_is_that_of_its_frames_with_padding(tmp_path, monkeypatch, num_views):
    """A frame takes a second. The first step with each batch takes longer and does not count."""
    clock, steps = [0.0], []

    def rehearse(batch):
        clock[0] += batch.num_frames * (1.0 if len(steps) % 2 else 100.0)
        steps.append(batch)

    monkeypatch.setattr(preflight.time, "monotonic", lambda: clock[0])
    checked = make_preflight(tmp_path, rehearse, num_views)
    *_, epoch = checked.run()
    batches = checked.train.sampler.batches(1)
    frames = sum(len(batch) * max(LENGTHS[index] for index in batch) for batch in batches)
    seconds = num_views * frames
    expected = f"an epoch: {len(batches)} batches in each process, about {seconds // 60} min"
    assert epoch.startswith(expected)


def test_the_copy_of_a_sharded_state_has_a_line(tmp_path):
    checked = make_preflight(tmp_path, lambda batch: None, parallel="shard", ema={"decay": 0.9})
    checked = dataclasses.replace(checked, model=torch.nn.Linear(1000, 250, bias=False))
    lines = list(checked.run())
    # the weights, their average and two moments, each 1 MB
    assert lines[4] == "host memory to save the state: 4 MB more in each process"
    alone = make_preflight(tmp_path, lambda batch: None).run()
    assert not any(line.startswith("host memory") for line in alone)


def test_each_step_uses_the_most_experts_and_the_augmentation_of_the_last_epoch(tmp_path):
    model, numbers = make_system("drawn_experts"), []
    layers = model.moe_layers().values()

    def rehearse(batch):
        model.start_step(len(numbers) + 1)
        numbers.append({layer.router.experts_per_frame for layer in layers})

    checked = dataclasses.replace(make_preflight(tmp_path, rehearse, max_epochs=7), model=model)
    assert {epoch for epoch, index in checked.train.dataset} == {7}
    list(checked.run())
    assert numbers == [{4}] * 4


def test_a_batch_that_needs_too_much_memory_is_named(tmp_path):
    def rehearse(batch):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    sentence = "out of memory in the preflight: .* 1 utterance, 50 frames .* 2 tokens: u4 "
    with pytest.raises(InputError, match=sentence):
        list(make_preflight(tmp_path, rehearse).run())


def test_too_little_disk_space_is_found_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "free_bytes", lambda exp_dir: 100)
    with pytest.raises(InputError, match="the checkpoints of this training need"):
        list(make_preflight(tmp_path, None).run())
