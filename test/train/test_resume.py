"""Changes in the config of a training that is resumed."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from moeasr.config_roles import OBJECTIVE, PROCEDURE
from moeasr.errors import InputError
from moeasr.train.resume import Change, check_changes, find_changes, warn_of_changes


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
    key, old, value = change
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
    assert find_changes({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}) == [Change("a.b", 1, None)]


def test_the_same_config_has_no_changes():
    assert check_changes(OLD, Config(), Path("last.pt")) == []
