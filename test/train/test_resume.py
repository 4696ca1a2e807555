"""Keys of a config that may change when a training is resumed."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.train.resume import Change, check_changes, find_changes, warn_of_changes

OLD = {
    "model": {
        "encoder": {"d_model": 8, "dropout": 0.1, "feed_forward": {"kernel": "sorted"}},
        "ctc_weight": 0.3,
    },
    "data": {
        "limits": {"max_frames": 2000},
        "batch": {"max_frames": 300, "max_utts": None},
        "spec_augment": None,
    },
    "train": {"optim": {"lr": 0.1}, "best_by": "loss", "num_workers": 1},
    "init": {"model": None},
    "distillation": {"teacher": None, "temperature": 1.0},
}


def changed(path, value):
    """`OLD` with one value changed."""
    head, _, rest = path.partition(".")

    def change(node, head, rest):
        inner = change(node[head], *rest.partition(".")[::2]) if rest else value
        return {**node, head: inner}

    return change(OLD, head, rest)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.encoder.dropout", 0.2),
        ("model.encoder.feed_forward.kernel", "loop"),
        ("data.batch.max_frames", 100),
        ("data.batch.max_utts", 4),
        ("data.spec_augment", {"max_freq_bins": 4}),
        ("train.optim.lr", 0.01),
        ("train.num_workers", 0),
    ],
)
def test_what_changes_no_weight_may_change_with_a_warning(key, value, caplog):
    changes = check_changes(OLD, changed(key, value), Path("last.pt"))
    (old,) = [change.old for change in changes]
    assert changes == [Change(key, old, value)]
    warn_of_changes(changes)
    assert f"going on with another {key}: {value}, it was {old}" in caplog.text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.encoder.d_model", 16),
        ("model.ctc_weight", 0.5),  # dev losses of the epochs could not be compared
        ("data.limits.max_frames", 1000),
        ("train.best_by", "acc"),
        ("init.model", "a.pt"),
        ("distillation.teacher", "a.pt"),
        ("distillation.temperature", 2.0),
    ],
)
def test_what_changes_more_is_refused_with_both_values(key, value):
    with pytest.raises(InputError) as caught:
        check_changes(OLD, changed(key, value), Path("exp/last.pt"))
    (change,) = find_changes(OLD, changed(key, value))
    assert f"`{key}` is {value}, but was {change.old} so far" in str(caught.value)
    assert str(caught.value).startswith("exp/last.pt cannot be resumed")


def test_a_key_that_went_away_is_a_change():
    assert find_changes({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}) == [Change("a.b", 1, None)]


def test_the_same_config_has_no_changes():
    assert check_changes(OLD, changed("model.encoder.d_model", 8), Path("last.pt")) == []
