"""Evaluation: means over utterances and the word error rate, in evaluation mode."""

import math

import torch
from torch import nn

from moeasr.models.outputs import LossOutput
from moeasr.train import evaluation
from moeasr.train.evaluation import EvaluatedBatch, Evaluation, evaluate
from moeasr.train.meter import ExpertUsage
from moeasr.train.stopping import Stopper


def evaluate_losses(losses, stopper=None, num_words=4):
    """Evaluate batches that are the losses of their utterances; also return the model's modes.

    Each utterance has four words, and as many errors as its loss says.
    """
    model, modes = nn.Dropout(), []

    def loss_of(batch):
        modes.append((model.training, torch.is_grad_enabled()))
        loss = torch.tensor(batch).sum()
        loads = {"00": torch.tensor([3.0, 1.0])}
        output = LossOutput(loss, torch.tensor(float(len(batch))), {"loss": loss}, loads)
        num_errors = 0 if loss.isnan() else int(loss)
        return EvaluatedBatch(output, num_errors, num_words * len(batch))

    stopper = stopper or Stopper(save=lambda: None)
    found = evaluate(model, iter(losses), loss_of, lambda batch: f"utts {batch}", stopper)
    assert model.training
    return found, modes


def test_means_are_over_utterances_and_the_model_is_in_evaluation_mode():
    found, modes = evaluate_losses([[1.0, 2.0], [6.0]])
    assert found.means == {"loss": 3.0, "wer": 100 * 9 / 12}
    assert found.usage.shares["layer_00/expert_0"] == 0.75
    assert found.usage.loads["00"].tolist() == [6.0, 2.0]
    assert found.num_bad == 0
    assert modes == [(False, False)] * 2


def test_a_batch_that_is_not_finite_is_named_counted_and_left_out(caplog):
    found, _ = evaluate_losses([[1.0], [float("nan")], [3.0]])
    assert found.means == {"loss": 2.0, "wer": 100 * 4 / 8}
    assert found.num_bad == 1
    assert "dev loss is not finite, batch left out: utts [nan]" in caplog.text


def test_errors_of_all_processes_are_summed(monkeypatch):
    """The other process has one bad batch, and 10 errors in 20 words."""

    def gather(value):
        return [value, (1, 10, 20)] if isinstance(value, tuple) else [value]

    monkeypatch.setattr(evaluation.distributed, "gather", gather)
    found, _ = evaluate_losses([[1.0, 2.0]])
    assert found.num_bad == 1
    assert found.means["wer"] == 100 * (3 + 10) / (8 + 20)


def test_without_reference_words_there_is_no_word_error_rate():
    found, _ = evaluate_losses([[1.0]], num_words=0)
    assert found.means == {"loss": 1.0}


def test_the_lowest_cost_is_the_best_and_a_bad_batch_makes_it_infinite():
    found = Evaluation({"loss": 2.0, "acc": 0.75, "wer": 12.5}, ExpertUsage({}, {}, {}), 0)
    assert [found.cost(name) for name in ("loss", "acc", "wer")] == [2.0, -0.75, 12.5]
    assert found.named_metrics() == {"dev_loss": 2.0, "dev_acc": 0.75, "dev_wer": 12.5}
    assert found.describe() == "dev loss 2.000, dev accuracy 75.0 %, dev WER 12.50 %"
    assert math.isnan(found._replace(means={}).cost("wer"))
    assert found._replace(means={"loss": 2.0}).describe() == "dev loss 2.000"
    assert found._replace(num_bad=1).cost("wer") == math.inf
