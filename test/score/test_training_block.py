"""The description of the training on a results page."""

import json

import pytest

from moeasr.errors import InputError
from moeasr.score.training_block import training_block

METRICS = """\
{"kind": "train", "step": 2, "loss": 9.0}
{"kind": "train", "step": 4, "loss": 8.0}
{"kind": "dev", "step": 5, "loss": 7.0, "acc": 0.5, "wer": 60.0}
{"kind": "train", "step": 6, "loss": 6.0}
{"kind": "dev", "step": 10, "loss": null, "acc": 0.75, "wer": 40.0}
"""


def test_an_experiment_without_metrics_has_no_description_of_training(tmp_path):
    assert training_block(tmp_path) is None


def test_the_block_has_hours_of_speech_training_time_and_learning_curve(tmp_path):
    about = {"dir": "data/train_sp", "num_utts": 2160, "hours": 3.108}
    (tmp_path / "data_sets.json").write_text(json.dumps({"train": about}))
    (tmp_path / "training_time.json").write_text('{"training_sec": 738.4}')
    (tmp_path / "metrics.jsonl").write_text(METRICS)
    facts = [
        "- speech: 3 h 06 min in 2160 utterances of `data/train_sp`",
        "- time: 12 min 18 s, 2 epochs",
        "- lowest WER on dev (CTC greedy search): 40.00 % after epoch 2",
    ]
    table = [
        "| epoch | train loss | dev loss | dev accuracy | dev WER % |",
        "| ---: | ---: | ---: | ---: | ---: |",
        "| 1 | 8.000 | 7.000 | 0.5000 | 60.00 |",
        "| 2 | 6.000 | - | 0.7500 | 40.00 |",
    ]
    assert training_block(tmp_path).split("\n") == ["## Training", "", *facts, "", *table]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "loss.png").write_bytes(b"")
    picture = "![loss on the training set and on dev](images/loss.png)"
    assert training_block(tmp_path).split("\n") == ["## Training", "", *facts, "", picture]


@pytest.mark.parametrize("content", ["[]", '{"train": {"dir": "d", "num_utts": 1}}', "{"])
def test_a_malformed_file_of_data_sets_is_refused_by_name(tmp_path, content):
    (tmp_path / "data_sets.json").write_text(content)
    with pytest.raises(InputError, match=r"data_sets\.json (must hold|is not JSON)"):
        training_block(tmp_path)


def test_an_older_experiment_shows_its_losses(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"kind": "dev", "step": 5, "loss": 7.0}\n')
    assert training_block(tmp_path).split("\n")[-1] == "| 1 | - | 7.000 |"
