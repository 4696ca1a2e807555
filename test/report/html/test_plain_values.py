"""Conversion of records to plain values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from moeasr.report.html.plain_values import NOT_EXPORTED, plain


class Pair(NamedTuple):
    left: int
    right: np.ndarray

    @property
    def total(self):
        return self.left + self.right.sum()


@dataclass
class Record:
    pairs: list
    path: Path
    hidden: bytes = field(metadata=NOT_EXPORTED)

    @property
    def num_pairs(self):
        return len(self.pairs)


def test_fields_and_properties_become_mappings():
    record = Record([Pair(1, np.array([2, 3]))], Path("a/b"), b"x")
    assert plain({"record": record, "none": None, "text": "ab"}) == {
        "record": {
            "pairs": [{"left": 1, "right": [2, 3], "total": 6}],
            "path": "a/b",
            "num_pairs": 1,
        },
        "none": None,
        "text": "ab",
    }
