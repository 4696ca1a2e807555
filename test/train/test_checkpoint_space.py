"""The disk space of the checkpoints that a training will write."""

import copy
import shutil
from collections import namedtuple

import pytest
import torch

from moeasr.errors import InputError
from moeasr.train.checkpoint_keeper import CheckpointKeeper, EpochScore
from moeasr.train.checkpoint_space import check_space, describe_size, free_bytes, planned_bytes
from moeasr.train.config import EmaConfig, OptimConfig, TrainConfig
from moeasr.train.optim import build_optimizer

GB = 10**9


def make_model():
    """Two layers of one weight, which a checkpoint contains once, and one that is not trained."""
    model = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.Linear(300, 300))
    model[1].weight = model[0].weight
    model[1].bias.requires_grad_(False)
    return model


@pytest.mark.parametrize("decay", [0.0, 0.9])
@pytest.mark.parametrize("max_epochs", [2, 10])
def test_the_plan_is_the_largest_size_of_the_files_that_a_training_writes(
    tmp_path, decay, max_epochs
):
    model = make_model()
    config = TrainConfig(
        max_epochs=max_epochs, keep_best=1, keep_last=2, ema=EmaConfig(decay=decay)
    )
    optimizer = build_optimizer(model, OptimConfig())
    model(torch.ones(1, 300)).sum().backward()
    optimizer.step()
    keeper = CheckpointKeeper(tmp_path, {}, max_epochs, max_epochs)
    for epoch in range(min(max_epochs, 3 + 1)):
        keeper.save_epoch(model.state_dict(), EpochScore(epoch, 1.0), {})
    state = {"optimizer": optimizer.state_dict()}
    if decay:
        keeper.save_average(model.state_dict(), {})
        state["ema"] = copy.deepcopy(model.state_dict())
    keeper.save_last(model.state_dict(), {}, state)
    shutil.copy(tmp_path / "last.pt", tmp_path / "new_last.pt")
    shutil.copy(tmp_path / "epoch_0.pt", tmp_path / "averaged.pt")
    written = sum(path.stat().st_size for path in tmp_path.glob("*.pt"))
    assert planned_bytes(model, config) == pytest.approx(written, rel=0.05)


def test_present_checkpoints_will_be_replaced_and_a_new_directory_is_not_created(
    tmp_path, monkeypatch
):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage({tmp_path: 5}[path]))
    assert free_bytes(tmp_path / "a" / "b") == 5
    assert not any(tmp_path.iterdir())
    (tmp_path / "last.pt").write_bytes(b"123")
    assert free_bytes(tmp_path) == 8
    (tmp_path / "last" / "0").mkdir(parents=True)  # the parts of a sharded state
    (tmp_path / "last" / "0" / "__0_0.distcp").write_bytes(b"4567")
    assert free_bytes(tmp_path) == 12


def test_too_little_space_is_one_sentence_with_both_sizes(tmp_path):
    check_space(3 * GB, 3 * GB, tmp_path)
    sentence = f"^{tmp_path}: .* need 3.0 GB, but there is room for 2.5 GB; lower "
    with pytest.raises(InputError, match=sentence):
        check_space(3 * GB, 5 * GB // 2, tmp_path)


def test_sizes_are_in_mb_or_gb():
    sizes = [describe_size(number) for number in (12_400_000, GB, 123_450_000_000)]
    assert sizes == ["12 MB", "1.0 GB", "123.5 GB"]
