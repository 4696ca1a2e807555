"""The course of a training from its metrics."""

import json

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.report.html.training_facts import TrainingFacts, grid_of


def test_metrics_become_curves(tmp_path):
    shares = {
        f"layer_{layer:02d}/expert_{e}": (e + layer) / 10 for layer in (0, 10) for e in (0, 1)
    }
    records = [
        {"kind": "train", "step": 5, "loss": 3.0},
        {"kind": "train", "step": 9, "loss": None},
        {"kind": "dev", "step": 9, "loss": 2.0},
        {"kind": "experts", "step": 9, "load_entropy": 1.0, **shares},
        {"kind": "dev", "step": 18, "loss": 1.0, "wer": 25.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    facts = TrainingFacts.read(tmp_path)
    assert facts.train_loss == [(5, 3.0)]
    assert facts.dev_loss == [(9, 2.0), (18, 1.0)]
    assert facts.dev_wer == [(2, 25.0)]
    assert facts.load == [[[0.0, 0.1], [1.0, 1.1]]]
    np.testing.assert_array_equal(grid_of(facts.load, 1), [[2.0], [2.2]])
    nan = float("nan")
    grown = grid_of([[[1.0]], [[0.5, 0.5]], [], [[None, 0.25]]], 0)
    np.testing.assert_array_equal(grown, [[1.0, 1.0, nan, nan], [nan, 1.0, nan, 0.5]])


def test_an_experiment_without_metrics_has_no_curves(tmp_path):
    facts = TrainingFacts.read(tmp_path)
    assert not (facts.train_loss or facts.dev_loss or facts.dev_wer or facts.load)
    assert facts.dev_set is None


def test_the_size_of_the_dev_set_is_read(tmp_path):
    path = tmp_path / "data_sets.json"
    path.write_text('{"train": {}, "dev": {"dir": "data/dev", "num_utts": 60, "hours": 0.0524}}')
    assert TrainingFacts.read(tmp_path).dev_set == (60, 0.0524)
    path.write_text('{"dev": []}')
    with pytest.raises(InputError, match="data_sets.json must hold `num_utts` and `hours` of"):
        TrainingFacts.read(tmp_path)
