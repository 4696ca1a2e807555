"""Random generators."""

import random

import numpy as np
import torch

from moeasr import checkpoint
from moeasr.limits import MAX_SEED
from moeasr.seed import generator_states, restore_generators, seed_all


def draw():
    """One number of each kind; the Gaussian ones are made in pairs, the second kept for later."""
    python = random.random(), random.gauss(0, 1)
    return *python, float(np.random.rand()), np.random.randn(), float(torch.rand(()))


def test_the_same_seed_gives_the_same_numbers():
    seed_all(3)
    first = draw()
    seed_all(3)
    assert draw() == first
    seed_all(4)
    assert draw() != first


def test_states_survive_a_checkpoint(tmp_path):
    seed_all(3)
    draw()
    checkpoint.save(tmp_path / "x.pt", {"generators": generator_states()})
    expected = [draw() for _ in range(3)]
    seed_all(99)
    restore_generators(checkpoint.load(tmp_path / "x.pt")["generators"])
    assert [draw() for _ in range(3)] == expected


def test_the_largest_seed_works_for_every_generator_and_rank():
    seed_all(MAX_SEED + 1000)  # the ranks of a training add theirs
    np.random.default_rng(MAX_SEED).random()
    np.random.SeedSequence([MAX_SEED, 1])
    torch.Generator().manual_seed(MAX_SEED)


def test_a_checkpoint_holds_the_generator_of_the_gpu_of_its_process_alone(monkeypatch):
    """A training may resume where other GPUs, or fewer, are visible."""
    state = torch.arange(16, dtype=torch.uint8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: state)
    restored = []
    monkeypatch.setattr(torch.cuda, "set_rng_state", restored.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    states = generator_states()
    assert states["cuda"] == [state]
    restore_generators(states)
    other = torch.zeros(16, dtype=torch.uint8)
    restore_generators({**states, "cuda": [other, state]})  # of all GPUs, in an earlier version
    assert len(restored) == 2 and all(each is state for each in restored)
