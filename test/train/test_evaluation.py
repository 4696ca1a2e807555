"""Evaluation: means over utterances, without what is not finite, in evaluation mode."""

import torch
from torch import nn

from moeasr.models.outputs import LossOutput
from moeasr.train.evaluation import evaluate
from moeasr.train.stopping import Stopper


def evaluate_losses(losses, stopper=None):
    """Evaluate batches that are the losses of their utterances; also what the model was."""
    model, modes = nn.Dropout(), []

    def loss_of(batch):
        modes.append((model.training, torch.is_grad_enabled()))
        loss = torch.tensor(batch).sum()
        loads = {"00": torch.tensor([3.0, 1.0])}
        return LossOutput(loss, torch.tensor(float(len(batch))), {"loss": loss}, loads)

    stopper = stopper or Stopper(save=lambda: None)
    found = evaluate(model, iter(losses), loss_of, lambda batch: f"utts {batch}", stopper)
    assert model.training
    return found, modes


def test_means_are_over_utterances_and_the_model_is_in_evaluation_mode():
    found, modes = evaluate_losses([[1.0, 2.0], [6.0]])
    assert found.means == {"loss": 3.0}
    assert found.usage.shares["layer_00/expert_0"] == 0.75
    assert found.num_bad == 0
    assert modes == [(False, False)] * 2


def test_a_batch_that_is_not_finite_is_named_counted_and_left_out(caplog):
    found, _ = evaluate_losses([[1.0], [float("nan")], [3.0]])
    assert found.means == {"loss": 2.0}
    assert found.num_bad == 1
    assert "dev loss not finite, left out: utts [nan]" in caplog.text
