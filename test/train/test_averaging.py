"""Checkpoint averages against sums by hand, and checkpoints that must not be averaged."""

import logging

import pytest
import torch

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.low_rank import add_update
from moeasr.train.averaging import average_checkpoints, choose_epochs, list_epochs


def content(epoch, dev_loss, weight, **changes):
    return {
        "model": {
            "weight": torch.as_tensor(weight, dtype=torch.float32),
            "half": torch.as_tensor(weight, dtype=torch.bfloat16),
            "count": torch.tensor(10 * epoch),
        },
        "config": {"model": {"d_model": 4}, "train": {"max_epochs": epoch}},
        "tokenizer": {"units": ["a"], "bpe_model": b"x"},
        "fbank": {"num_mel_bins": 80},
        "info": {"epoch": epoch, "dev_loss": dev_loss, "commit": f"commit{epoch}"},
        "trainer": {"step": 3},
        **changes,
    }


def network_of(content, path):
    """Return the keys of the model's config that a resumed training must not change."""
    return {f"model.{k}": v for k, v in content["config"]["model"].items() if k != "dropout"}


@pytest.fixture
def exp_dir(tmp_path):
    for epoch, dev_loss in [(1, 5.0), (2, 3.0), (3, 1.0), (10, 2.0), (11, 4.0)]:
        checkpoint.save(tmp_path / f"epoch_{epoch}.pt", content(epoch, dev_loss, [1.0 * epoch, 0]))
    checkpoint.save(tmp_path / "last.pt", content(11, 0.0, [99.0, 99.0]))
    return tmp_path


def epochs_of(chosen):
    return [epoch.epoch for epoch in chosen]


def test_best_and_last(exp_dir):
    epochs = list_epochs(exp_dir)
    assert epochs_of(epochs) == [1, 2, 3, 10, 11]
    assert epochs_of(choose_epochs(epochs, 3, "best")) == [2, 3, 10]
    assert epochs_of(choose_epochs(epochs, 1, "best")) == [3]
    assert epochs_of(choose_epochs(epochs, 3, "last")) == [3, 10, 11]


def test_fewer_than_asked_for_are_used_with_a_warning(exp_dir, caplog):
    with caplog.at_level(logging.WARNING):
        chosen = choose_epochs(list_epochs(exp_dir), 8, "best")
    assert epochs_of(chosen) == [1, 2, 3, 10, 11]
    assert "averaging only 5 epochs, not 8: no more are stored" in caplog.text


def test_the_training_says_what_is_best(tmp_path):
    """If the criterion is the accuracy, the stored `cost` ranks the epochs, and not the loss."""
    for epoch, (dev_loss, cost) in enumerate([(1.0, -0.5), (2.0, -0.9), (3.0, -0.7)], start=1):
        info = {"epoch": epoch, "dev_loss": dev_loss, "cost": cost}
        checkpoint.save(tmp_path / f"epoch_{epoch}.pt", content(epoch, 0.0, [0.0], info=info))
    assert epochs_of(choose_epochs(list_epochs(tmp_path), 2, "best")) == [2, 3]


def test_a_loss_that_is_no_number_is_never_best(tmp_path):
    for epoch, dev_loss in [(1, 2.0), (2, float("nan")), (3, 1.0)]:
        checkpoint.save(tmp_path / f"epoch_{epoch}.pt", content(epoch, dev_loss, [0.0]))
    assert epochs_of(choose_epochs(list_epochs(tmp_path), 2, "best")) == [1, 3]


def test_floats_are_averaged_and_all_else_is_the_newest(exp_dir):
    paths = [epoch.path for epoch in choose_epochs(list_epochs(exp_dir), 3, "last")]
    average = average_checkpoints(paths, network_of)
    assert average["model"]["weight"].tolist() == [8.0, 0.0]
    assert average["model"]["weight"].dtype == torch.float32
    assert average["model"]["half"].tolist() == [8.0, 0.0]
    assert average["model"]["half"].dtype == torch.bfloat16
    assert average["model"]["count"].item() == 110
    assert average["info"]["averaged_epochs"] == [3, 10, 11]
    assert average["info"]["commit"] == "commit11"
    assert "trainer" not in average


def test_sums_run_in_float64(tmp_path):
    """In float32 the small addends would vanish beside the large one."""
    paths = []
    for epoch, value in enumerate([2.0**24, 1.0, 1.0, -(2.0**24)], start=1):
        paths.append(tmp_path / f"epoch_{epoch}.pt")
        checkpoint.save(paths[-1], content(epoch, 1.0, [value]))
    assert average_checkpoints(paths, network_of)["model"]["weight"].tolist() == [0.5]


def test_one_checkpoint_averages_to_itself(exp_dir):
    weight = torch.tensor([0.1, 1e-30])
    checkpoint.save(exp_dir / "epoch_1.pt", content(1, 1.0, weight))
    assert torch.equal(
        average_checkpoints([exp_dir / "epoch_1.pt"], network_of)["model"]["weight"], weight
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"config": {"model": {"d_model": 8}}}, r"`model\.d_model` \(4 and 8\)"),
        ({"tokenizer": {"units": ["b"], "bpe_model": b"x"}}, "tokenizer"),
        ({"fbank": {"num_mel_bins": 40}}, "fbank"),
        ({"model": {"other": torch.zeros(2)}}, "names of their weights"),
        (
            {"model": {"weight": torch.zeros(3), "half": torch.zeros(2), "count": torch.ones(())}},
            "the shape of weight",
        ),
    ],
)
def test_checkpoints_of_different_trainings_are_refused(exp_dir, changes, what):
    checkpoint.save(exp_dir / "epoch_2.pt", content(2, 3.0, [1.0, 0.0], **changes))
    paths = [exp_dir / f"epoch_{epoch}.pt" for epoch in (1, 2, 3)]
    with pytest.raises(InputError, match=rf"epoch_1\.pt and .*epoch_2\.pt .*{what}"):
        average_checkpoints(paths, network_of)


def test_epochs_before_and_after_a_change_of_dropout_are_averaged(exp_dir):
    for epoch, dropout in ((1, 0.1), (2, 0.2)):
        path = exp_dir / f"epoch_{epoch}.pt"
        whole = checkpoint.load(path)
        whole["config"]["model"]["dropout"] = dropout
        checkpoint.save(path, whole)
    average = average_checkpoints([exp_dir / f"epoch_{epoch}.pt" for epoch in (1, 2)], network_of)
    assert average["config"]["model"]["dropout"] == 0.2


def test_weights_that_are_not_finite_are_refused(exp_dir):
    checkpoint.save(exp_dir / "epoch_2.pt", content(2, 3.0, [float("inf"), 0.0]))
    with pytest.raises(InputError, match="weight"):
        average_checkpoints([exp_dir / "epoch_2.pt", exp_dir / "epoch_3.pt"], network_of)


def test_nothing_to_average(tmp_path):
    with pytest.raises(InputError, match=r"has no epoch_N\.pt"):
        list_epochs(tmp_path)
    with pytest.raises(InputError, match="at least 1"):
        choose_epochs([], 0, "best")


def test_a_checkpoint_that_does_not_say_its_loss_is_named(exp_dir):
    checkpoint.save(exp_dir / "epoch_4.pt", content(4, 1.0, [0.0], info={"epoch": 4}))
    with pytest.raises(InputError, match=r"epoch_4\.pt lacks 'info.dev_loss'"):
        list_epochs(exp_dir)


def test_a_checkpoint_cut_in_half_is_named(exp_dir):
    path = exp_dir / "epoch_2.pt"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"epoch_2\.pt"):
        list_epochs(exp_dir)


def test_what_is_one_tensor_under_two_names_stays_one(tmp_path):
    for epoch, value in ((1, 2.0), (2, 4.0)):
        shared = torch.full((1000,), value)
        model = {"one": shared, "other": shared, "own": shared.clone()}
        checkpoint.save(tmp_path / f"epoch_{epoch}.pt", content(epoch, 1.0, [0.0], model=model))
    model = average_checkpoints([tmp_path / "epoch_1.pt", tmp_path / "epoch_2.pt"], network_of)[
        "model"
    ]
    assert model["one"] is model["other"] and model["own"] is not model["one"]
    assert torch.equal(model["one"], torch.full((1000,), 3.0))
    assert torch.equal(model["own"], model["one"])


def test_of_costs_that_are_no_numbers_the_later_epoch_is_better(tmp_path):
    for epoch in (1, 2, 3):
        info = {"epoch": epoch, "dev_loss": 1.0, "cost": float("nan")}
        checkpoint.save(tmp_path / f"epoch_{epoch}.pt", content(epoch, 1.0, [0.0], info=info))
    assert epochs_of(choose_epochs(list_epochs(tmp_path), 2, "best")) == [2, 3]


def test_updates_are_merged_before_the_average(tmp_path):
    """The average of products is not the product of averages; shared weights stay one tensor."""
    module = torch.nn.Linear(2, 2, bias=False)
    add_update(module, "weight", rank=1, alpha=1.0)
    model = torch.nn.ModuleList([module, module])
    update = module.parametrizations.weight[0]
    paths = [tmp_path / f"epoch_{epoch}.pt" for epoch in (1, 2)]
    for epoch, path in enumerate(paths, start=1):
        torch.nn.init.constant_(module.parametrizations.weight.original, 1.0)
        torch.nn.init.constant_(update.up, float(epoch))
        torch.nn.init.constant_(update.down, float(epoch))
        checkpoint.save(path, content(epoch, 1.0, 0.0, model=dict(model.state_dict())))
    weights = average_checkpoints(paths, network_of)["model"]
    assert list(weights) == ["0.weight", "1.weight"]
    assert torch.equal(weights["0.weight"], torch.full((2, 2), 1 + (1 + 4) / 2))
    assert weights["0.weight"] is weights["1.weight"]
