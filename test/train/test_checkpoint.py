"""Which checkpoints are kept."""

import pytest
import torch

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.train.checkpoint import CheckpointKeeper, EpochScore


def epochs_of(directory):
    return sorted(int(path.stem.split("_")[1]) for path in directory.glob("epoch_*.pt"))


def test_the_best_and_the_latest_epochs_are_kept(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {"config": {}}, keep_best=2, keep_last=1)
    for epoch, cost in enumerate([5.0, 1.0, 4.0, 2.0, 3.0], start=1):
        keeper.save_epoch({"w": torch.tensor(epoch)}, EpochScore(epoch, cost), {"epoch": epoch})
    assert epochs_of(tmp_path) == [2, 4, 5]
    assert int(checkpoint.load(tmp_path / "epoch_4.pt")["model"]["w"]) == 4


def test_an_epoch_whose_cost_is_no_number_is_the_worst(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {"config": {}}, keep_best=1, keep_last=0)
    for epoch, cost in enumerate([float("nan"), 3.0, float("nan")], start=1):
        keeper.save_epoch({}, EpochScore(epoch, cost), {"epoch": epoch})
    assert epochs_of(tmp_path) == [2]


def test_scores_survive_a_stop(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {"info": {"seed": 7}}, keep_best=1, keep_last=0)
    keeper.save_epoch({}, EpochScore(1, 0.5), {"epoch": 1})
    keeper.save_last({"w": torch.ones(2)}, {"epoch": 1}, {"step": 10})
    again = CheckpointKeeper(tmp_path, {}, keep_best=1, keep_last=0)
    content = again.load_last()
    assert content["trainer"]["step"] == 10 and content["info"] == {"seed": 7, "epoch": 1}
    again.save_epoch({}, EpochScore(2, 0.9), {"epoch": 2})
    assert epochs_of(tmp_path) == [1]


def test_a_fresh_experiment_has_nothing_to_resume(tmp_path):
    assert CheckpointKeeper(tmp_path, {}, 1, 1).load_last() is None


def test_a_run_is_not_resumed_with_another_dictionary_or_seed(tmp_path):
    CheckpointKeeper(tmp_path, {"tokenizer": ["a"]}, 1, 1).save_last({}, {}, {})
    with pytest.raises(InputError, match=r"last\.pt was trained with another tokenizer"):
        CheckpointKeeper(tmp_path, {"tokenizer": ["b"]}, 1, 1).load_last()
    CheckpointKeeper(tmp_path, {"seed": 1}, 1, 1).save_last({}, {}, {})
    with pytest.raises(InputError, match="another seed"):
        CheckpointKeeper(tmp_path, {"seed": 2}, 1, 1).load_last()


def test_epochs_of_another_training_are_not_mixed_in(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {}, 1, 1)
    keeper.save_epoch({}, EpochScore(1, 0.5), {"epoch": 1})
    with pytest.raises(InputError, match=r"epochs of an earlier training but no last\.pt"):
        CheckpointKeeper(tmp_path, {}, 1, 1).load_last()
