"""The choice of checkpoints that an experiment keeps."""

import pytest
import torch

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.train.averaging import choose_epochs, list_epochs
from moeasr.train.checkpoint_keeper import CheckpointKeeper, EpochScore, read_last

STATE = {"epoch": 1, "batch": 1, "step": 10, "bad_in_a_row": 0, "optimizer": {}, "per_rank": []}


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


def test_of_equal_costs_the_later_epoch_is_kept_as_averaging_prefers_it(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {"config": {}}, keep_best=2, keep_last=0)
    for epoch in (1, 2, 3):
        keeper.save_epoch({}, EpochScore(epoch, 0.5), {"epoch": epoch, "dev_loss": 0.5})
    assert epochs_of(tmp_path) == [2, 3]
    assert [e.epoch for e in choose_epochs(list_epochs(tmp_path), 2, "best")] == [2, 3]


def test_scores_survive_a_stop(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {"info": {"seed": 7}}, keep_best=1, keep_last=0)
    keeper.save_epoch({}, EpochScore(1, 0.5), {"epoch": 1})
    keeper.save_last({"w": torch.ones(2)}, {"epoch": 1}, STATE)
    again = CheckpointKeeper(tmp_path, {}, keep_best=1, keep_last=0)
    content = again.load_last()
    assert content["trainer"]["step"] == 10 and content["info"] == {"seed": 7, "epoch": 1}
    again.save_epoch({}, EpochScore(2, 0.9), {"epoch": 2})
    assert epochs_of(tmp_path) == [1]


def test_a_fresh_experiment_has_nothing_to_resume(tmp_path):
    assert CheckpointKeeper(tmp_path, {}, 1, 1).load_last() is None


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("tokenizer", {"units": ["a"]}, {"units": ["b"]}, "tokenizer;"),
        ("fbank", {"a": 1, "b": 80}, {"a": 1, "b": 40}, r"fbank \(`b` was 80, but is 40\);"),
        ("fbank", {"a": 1, "b": 80}, {"a": 1}, r"fbank \(`b` was 80, but is absent\);"),
        ("seed", 1, 2, r"seed \(1, not 2\);"),
        ("training_set", "one", "other", "training set;"),
        ("training_text", "one", "other", "training text;"),
        ("teacher", "one", "other", "teacher;"),
        ("teacher", None, "other", "teacher;"),
        ("teacher", "one", None, "teacher;"),
    ],
)
def test_a_run_is_not_resumed_as_a_training_of_another_thing(tmp_path, name, old, new, what):
    same = {"tokenizer": {}, "fbank": {}, "seed": 1, "training_set": "one", "teacher": "one"}
    CheckpointKeeper(tmp_path, {**same, name: old}, 1, 1).save_last({}, {}, STATE)
    assert CheckpointKeeper(tmp_path, {**same, name: old}, 1, 1).load_last() is not None
    with pytest.raises(InputError, match=rf"last\.pt was trained with another {what}"):
        CheckpointKeeper(tmp_path, {**same, name: new}, 1, 1).load_last()


def test_the_training_text_of_an_older_version_is_unknown(tmp_path):
    CheckpointKeeper(tmp_path, {"seed": 1}, 1, 1).save_last({}, {}, STATE)
    assert CheckpointKeeper(tmp_path, {"seed": 1, "training_text": "new"}, 1, 1).load_last()


def test_epochs_of_another_training_are_not_mixed_in(tmp_path):
    keeper = CheckpointKeeper(tmp_path, {}, 1, 1)
    keeper.save_epoch({}, EpochScore(1, 0.5), {"epoch": 1})
    with pytest.raises(InputError, match=r"epochs of an earlier training, but no last\.pt"):
        CheckpointKeeper(tmp_path, {}, 1, 1).load_last()


def test_a_run_killed_between_its_first_epoch_and_its_first_state_starts_from_the_beginning(
    tmp_path,
):
    keeper = CheckpointKeeper(tmp_path, {}, 1, 1)
    keeper.save_last({}, {}, {**STATE, "step": 0, "batch": 0})
    keeper.save_epoch({}, EpochScore(1, 0.5), {"epoch": 1})
    assert CheckpointKeeper(tmp_path, {}, 1, 1).load_last() is None


def test_a_run_that_has_learnt_nothing_starts_anew_with_other_data(tmp_path, caplog):
    caplog.set_level("INFO")
    start = {**STATE, "step": 0, "batch": 0}
    CheckpointKeeper(tmp_path, {"training_set": "1"}, 1, 1).save_last({}, {}, start)
    assert CheckpointKeeper(tmp_path, {"training_set": "2"}, 1, 1).load_last() is None
    assert (
        "last.pt is from before the first step: training starts from the beginning" in caplog.text
    )
    CheckpointKeeper(tmp_path, {"training_set": "1"}, 1, 1).save_last({}, {}, STATE)
    with pytest.raises(InputError, match="another training set"):
        CheckpointKeeper(tmp_path, {"training_set": "2"}, 1, 1).load_last()


def test_an_epoch_in_the_place_of_last_pt_is_refused(tmp_path):
    checkpoint.save(tmp_path / "last.pt", {"model": {"w": torch.ones(2)}, "info": {"epoch": 3}})
    with pytest.raises(
        InputError, match=r"last\.pt is the checkpoint of an epoch .* `init\.model`"
    ):
        read_last(tmp_path)


@pytest.mark.parametrize("key", [*STATE, "scores"])
def test_a_last_pt_without_a_part_of_the_state_is_refused(tmp_path, key):
    trainer = {name: value for name, value in {**STATE, "scores": []}.items() if name != key}
    checkpoint.save(tmp_path / "last.pt", {"model": {}, "trainer": trainer})
    with pytest.raises(InputError, match=rf"last\.pt lacks 'trainer\.{key}'"):
        read_last(tmp_path)
