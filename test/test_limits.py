"""Ranges of the numbers that users give."""

import argparse
import os

import pytest
import torch

from moeasr.errors import InputError
from moeasr.limits import (
    MAX_SEED,
    MAX_TIMEOUT_SEC,
    check_num_processes,
    max_processes,
    num_processes,
    num_seconds,
    seed,
)


@pytest.mark.parametrize(("cpus", "most"), [(None, 128), (2, 128), (16, 128), (64, 512)])
def test_processes_may_be_128_or_eight_for_each_processor(monkeypatch, cpus, most):
    monkeypatch.setattr(os, "cpu_count", lambda: cpus)
    assert max_processes() == most
    assert num_processes("1") == 1 and num_processes(str(most)) == most
    for text in ("0", "-1", str(most + 1)):
        with pytest.raises(argparse.ArgumentTypeError, match=f"must be between 1 and {most}, but"):
            num_processes(text)


def test_a_key_of_a_config_may_also_be_no_processes_at_all():
    for value in (0, 1, max_processes()):
        check_num_processes("train.num_workers", value)
    for value in (-1, max_processes() + 1):
        with pytest.raises(InputError, match=f"`train.num_workers` must be between 0 .* {value}$"):
            check_num_processes("train.num_workers", value)


def test_a_seed_is_any_number_that_a_generator_takes():
    assert seed("0") == 0 and seed(str(MAX_SEED)) == MAX_SEED
    torch.Generator().manual_seed(MAX_SEED + 1000)  # the ranks of a training count on from it
    for text in ("-1", str(2**64)):
        with pytest.raises(argparse.ArgumentTypeError, match="must be between 0 and"):
            seed(text)


def test_a_time_limit_is_at_least_a_second():
    assert num_seconds("1") == 1 and num_seconds(str(MAX_TIMEOUT_SEC)) == MAX_TIMEOUT_SEC
    for text in ("0", str(MAX_TIMEOUT_SEC + 1)):
        with pytest.raises(argparse.ArgumentTypeError, match="must be between 1 and 1000000"):
            num_seconds(text)


@pytest.mark.parametrize("text", ["", "1.5", "two"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"whole number, but is '{text}'"):
        seed(text)
