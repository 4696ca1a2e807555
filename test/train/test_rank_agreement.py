"""Processes of one training that were started with different configs, inputs or weights."""

import pytest
from two_processes import run_two_processes

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.train.rank_agreement import check_same_config, check_same_inputs

ADVICE = "; start all processes with the same options and the same files"
CONFIG = {"train": {"optim": {"lr": 0.01}, "max_epochs": 3}}


@pytest.fixture
def among(monkeypatch):
    """Return a function that sets what the other processes give; this one is process 0."""

    def set_others(*others):
        monkeypatch.setattr(distributed, "gather", lambda mine: [mine, *others])

    return set_others


def test_a_training_of_one_process_agrees_with_itself():
    check_same_config(CONFIG)
    check_same_inputs({"seed": 1})


def test_a_key_with_another_value_is_named(among):
    among(CONFIG, CONFIG)
    check_same_config(CONFIG)
    among(CONFIG, {"train": {"optim": {"lr": 0.001}, "max_epochs": 3}})
    with pytest.raises(InputError) as refused:
        check_same_config(CONFIG)
    sentence = "`train.optim.lr` is 0.001 in process 2, but 0.01 in process 0"
    assert str(refused.value) == sentence + ADVICE


def test_numbers_that_are_none_agree(among):
    among({"a": float("nan")})
    check_same_config({"a": float("nan")})


def test_a_key_that_a_process_lacks_is_named(among):
    among({"train": {"optim": {"lr": 0.01}}})
    with pytest.raises(InputError, match=r"`train\.max_epochs` is absent in process 1, but 3 in"):
        check_same_config(CONFIG)


@pytest.mark.parametrize(
    ("name", "theirs", "sentence"),
    [
        ("seed", 2, "process 1 has another seed than process 0 (2, not 1)"),
        ("training set", "b", "process 1 has another training set than process 0"),
    ],
)
def test_another_input_is_named(among, name, theirs, sentence):
    mine = {"seed": 1, "training set": "a"}
    among(mine)
    check_same_inputs(mine)
    among({**mine, name: theirs})
    with pytest.raises(InputError) as refused:
        check_same_inputs(mine)
    assert str(refused.value) == sentence + ADVICE


DIFFERENT = """
import torch
from moeasr import distributed
from moeasr.errors import InputError
from moeasr.train.rank_agreement import check_same_config, check_same_inputs, share_weights

with distributed.process_group("cpu"):
    rank = distributed.rank()
    torch.manual_seed(rank)
    inner = torch.nn.Linear(2, 2)
    model = torch.nn.Sequential(inner, torch.nn.BatchNorm1d(2), inner)
    model[1].running_mean.fill_(rank)
    torch.manual_seed(0)
    first = torch.nn.Linear(2, 2)
    assert torch.equal(inner.weight, first.weight) == (rank == 0)
    share_weights(model)
    assert torch.equal(inner.weight, first.weight) and torch.equal(inner.bias, first.bias)
    assert model[1].running_mean.tolist() == [0.0, 0.0]
    for check, value in ((check_same_config, {"a": rank}), (check_same_inputs, {"a": rank})):
        try:
            check(value)
        except InputError:
            continue
        raise AssertionError("a difference was not noticed")
"""


@pytest.mark.slow
def test_all_processes_refuse_differences_and_start_with_the_weights_of_the_first(tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(DIFFERENT)
    for ended in run_two_processes(str(worker)):
        assert ended.status == 0, ended.error[-2000:]
