"""Changes in the config of a training that is resumed."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from moeasr.config_roles import OBJECTIVE, PROCEDURE
from moeasr.errors import InputError
from moeasr.train.resume import ABSENT, Change, check_changes, find_changes, warn_of_changes


@dataclass(frozen=True)
class Model:
    d_model: int = 8
    dropout: float = field(default=0.1, metadata=PROCEDURE)
    ctc_weight: float = field(default=0.3, metadata=OBJECTIVE)


@dataclass(frozen=True)
class Masks:
    max_freq_bins: int = 4


@dataclass(frozen=True)
class Config:
    model: Model = Model()
    masks: Masks | None = field(default=None, metadata=PROCEDURE)


OLD = Config()


@pytest.mark.parametrize(
    ("new", "change"),
    [
        (replace(OLD, model=Model(dropout=0.2)), Change("model.dropout", 0.1, 0.2)),
        (replace(OLD, masks=Masks()), Change("masks", None, {"max_freq_bins": 4})),
    ],
)
def test_a_change_of_procedure_is_allowed_with_a_warning(new, change, caplog):
    changes = check_changes(OLD, new, Path("last.pt"))
    assert changes == [change]
    warn_of_changes(changes)
    key, (old, value) = change.key, change.shown()
    assert f"resuming with `{key}: {value}`, which was {old} before" in caplog.text


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Model(d_model=16), Change("model.d_model", 8, 16)),
        (Model(ctc_weight=0.5), Change("model.ctc_weight", 0.3, 0.5)),
    ],
)
def test_what_changes_more_is_refused_with_both_values(model, change):
    with pytest.raises(InputError) as caught:
        check_changes(OLD, replace(OLD, model=model), Path("exp/last.pt"))
    sentence = f"`{change.key}` is {change.new}, but was {change.old}"
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("exp/last.pt cannot be resumed")


def test_a_key_that_went_away_is_a_change():
    assert find_changes({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}) == [Change("a.b", 1, ABSENT)]


def test_no_key_is_the_same_as_a_key_without_a_value():
    assert find_changes({"a": None}, {}) == find_changes({}, {"a": None}) == []


@dataclass(frozen=True)
class Losses:
    losses: dict[str, float] = field(default_factory=dict, metadata=OBJECTIVE)
    masks: Masks | None = field(default=None, metadata=PROCEDURE)
    is_fast: bool = field(default=False, metadata=OBJECTIVE)
    options: dict[str, bool | None] = field(default_factory=dict, metadata=PROCEDURE)


def test_values_are_shown_as_yaml_and_keys_that_went_away_as_absent(caplog):
    with pytest.raises(InputError) as caught:
        check_changes(Losses({"z": 0.01}), Losses(is_fast=True), Path("last.pt"))
    assert "`losses.z` is absent, but was 0.01; `is_fast` is true, but was false. " in str(
        caught.value
    )
    warn_of_changes(check_changes(Losses(masks=Masks()), Losses(), Path("last.pt")))
    assert "resuming with `masks: null`, which was {max_freq_bins: 4} before" in caplog.text
    old, new = Losses(options={"a": True}), Losses(options={"b": False, "c": None})
    warn_of_changes(check_changes(old, new, Path("last.pt")))
    assert "resuming without `options.a`, which was true before" in caplog.text
    assert "resuming with `options.b: false`, which was absent before" in caplog.text


def test_the_same_config_has_no_changes():
    assert check_changes(OLD, Config(), Path("last.pt")) == []
