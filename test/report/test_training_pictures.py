"""Pictures after each epoch: files, plots for writers, and no effect on the training."""

import dataclasses

import pytest
import torch
from experiments import DENSE, TOKENIZER, UNITS

from moeasr.data.batch import Example
from moeasr.models.build import build_model
from moeasr.moe.layer import MoeConfig
from moeasr.report import training_pictures
from moeasr.report.training_pictures import TrainingPictures
from moeasr.train.evaluation import EpochEnd, Evaluation
from moeasr.train.meter import ExpertUsage


class Dev:
    """Seven utterances of noise."""

    def __len__(self):
        return 7

    def __getitem__(self, key):
        _, index = key
        feats = torch.randn(60, 20, generator=torch.Generator().manual_seed(index))
        return Example(f"u{index}", feats, torch.tensor([3, 4]))


class Drawn:
    """A receiver of pictures with the interface of `Writers`."""

    take_pictures = True

    def __init__(self):
        self.names = []

    def draw(self, name, step, figure):
        assert step == 8
        self.names.append(name)


def draw(tmp_path, tokenizer=TOKENIZER):
    """Draw an epoch of a model with experts; return the names that writers got, and the model."""
    ff = MoeConfig(hidden_units=8, num_experts=4)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=ff)
    model = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS))
    loads = {"encoder.blocks.0.feed_forward": torch.tensor([3.0, 1.0, 2.0, 2.0])}
    dev, writers = Evaluation({}, ExpertUsage({}, {}, loads), 0), Drawn()
    (tmp_path / "metrics.jsonl").write_text('{"kind": "dev", "step": 8, "loss": 7, "wer": 60}\n')
    pictures = TrainingPictures(tmp_path, model, tokenizer, Dev())
    pictures.draw(EpochEnd(2, 8, dev, writers))
    return writers.names, model


@pytest.mark.slow
def test_images_are_written_and_utterances_evenly_over_dev_are_plotted(tmp_path, caplog):
    pytest.importorskip("matplotlib")
    before = torch.get_rng_state()
    names, model = draw(tmp_path)
    images = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert images == ["expert_load.png", "loss.png", "wer.png"]
    assert all(path.read_bytes()[1:4] == b"PNG" for path in (tmp_path / "images").iterdir())
    kinds = ("attention", "experts")
    plots = [f"{kind}/u{index}" for index in (1, 3, 5) for kind in kinds]
    assert names == ["expert_load/dev", *plots]
    assert not caplog.records
    # training goes on as if nothing had been drawn
    assert model.training
    assert [part for part in model.modules() if not part.training] == []
    feats, lens = torch.randn(1, 60, 20), torch.tensor([60])
    torch.set_rng_state(before)
    model(feats, lens, torch.tensor([[3, 4]]), torch.tensor([2])).loss.backward()


def test_utterances_are_not_plotted_if_no_writer_takes_pictures(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(Drawn, "take_pictures", False)
    monkeypatch.setattr(training_pictures, "utterance_figures", None)
    names, _ = draw(tmp_path)
    assert names == ["expert_load/dev"]
    assert (tmp_path / "images" / "loss.png").exists()


def test_drawing_leaves_the_random_numbers_alone(tmp_path):
    pytest.importorskip("matplotlib")
    model = build_model(DENSE.model, 20, len(UNITS))
    pictures = TrainingPictures(tmp_path, model, TOKENIZER, Dev())
    before = torch.get_rng_state()
    pictures.draw(EpochEnd(2, 8, Evaluation({}, ExpertUsage({}, {}, {}), 0), Drawn()))
    assert torch.equal(before, torch.get_rng_state())


def test_without_matplotlib_a_line_says_how_to_get_it(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(training_pictures, "has_matplotlib", lambda: False)
    caplog.set_level("INFO")
    names, _ = draw(tmp_path)
    assert names == [] and not (tmp_path / "images").exists()
    (message,) = caplog.messages
    assert message.endswith("matplotlib is missing (pip install matplotlib)")


def test_a_picture_that_fails_does_not_end_the_training(tmp_path, caplog):
    pytest.importorskip("matplotlib")
    (tmp_path / "images").write_text("not a directory")
    draw(tmp_path)
    assert "pictures of epoch 2 cannot be drawn" in caplog.text
