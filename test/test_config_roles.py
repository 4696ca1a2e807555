"""Roles of config keys: a field's own, or that of the section around it."""

from dataclasses import dataclass, field

import pytest

from moeasr.config_roles import OBJECTIVE, PROCEDURE, role_of, values_by_key


@dataclass
class Head:
    width: int = 3
    weight: float = field(default=0.5, metadata=OBJECTIVE)


@dataclass
class Loop:
    epochs: int = 9
    best_by: str = field(default="loss", metadata=OBJECTIVE)


@dataclass
class Config:
    width: int = 4
    dropout: float = field(default=0.1, metadata=PROCEDURE)
    masks: Loop | None = field(default=None, metadata=PROCEDURE)
    heads: dict[str, Head] = field(default_factory=lambda: {"ctc": Head()})
    loop: Loop = field(default_factory=Loop, metadata=PROCEDURE)
    from_: str = field(default="", metadata=PROCEDURE)


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("width", "identity"),
        ("dropout", "procedure"),
        ("loop", "procedure"),
        ("loop.epochs", "procedure"),  # its section's
        ("loop.best_by", "objective"),  # its own
        ("heads.ctc.width", "identity"),
        ("heads.ctc.weight", "objective"),
        ("heads.other.weight", "identity"),  # there is no such head
        ("masks.epochs", "procedure"),  # there is no such section
        ("dropout.rate", "procedure"),
        ("from", "procedure"),
        ("from_", "identity"),  # there is no such key
        ("unknown", "identity"),
    ],
)
def test_the_nearest_mark_decides(key, role):
    assert role_of(Config(), key) == role


def test_values_are_chosen_by_role():
    assert values_by_key(Config(), "identity") == {"width": 4, "heads.ctc.width": 3}
    assert values_by_key(Config(), "objective") == {"heads.ctc.weight": 0.5, "loop.best_by": "loss"}
    values = {"dropout": 0.1, "masks": None, "loop.epochs": 9, "from": ""}
    assert values_by_key(Config(), "procedure") == values


def test_values_of_several_roles_are_in_the_order_of_the_fields():
    keys = list(values_by_key(Config(), "objective", "identity"))
    assert keys == ["width", "heads.ctc.width", "heads.ctc.weight", "loop.best_by"]
