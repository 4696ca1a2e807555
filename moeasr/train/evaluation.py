"""Evaluation of a model on the development set at the end of an epoch."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from moeasr import distributed
from moeasr.logs import get_logger
from moeasr.models.outputs import LossOutput
from moeasr.train.meter import ExpertUsage, Meter
from moeasr.train.out_of_memory import naming_batches
from moeasr.train.stopping import Stopper
from moeasr.train.writers import Writers

logger = get_logger(__name__)
BatchT = TypeVar("BatchT")


class EvaluatedBatch(NamedTuple):
    """The loss of a development batch, and the word errors of its hypotheses if there are any."""

    output: LossOutput
    """The loss."""
    num_errors: int = 0
    """Substituted, deleted and inserted words of all hypotheses."""
    num_words: int = 0
    """Words of all references; 0 if the model makes no hypotheses."""


class Evaluation(NamedTuple):
    """The results of a model on the development set, over all processes."""

    means: dict[str, float]
    """Means per utterance, see `moeasr.train.meter.Meter.means`, and the word error rate in percent
    as `wer` if there were hypotheses."""
    usage: ExpertUsage
    """Usage of experts."""
    num_bad: int
    """Number of batches without a finite loss, which were left out."""

    def named_metrics(self) -> dict[str, float]:
        """Return the metrics that an epoch checkpoint carries: `dev_loss`, `dev_acc`, `dev_wer`.

        The loss and the accuracy are always present: NaN if the model has none. `dev_wer` is
        present only if a word error rate was measured.
        """
        names = ["loss", "acc", *(["wer"] if "wer" in self.means else [])]
        return {f"dev_{name}": self.means.get(name, math.nan) for name in names}

    def describe(self) -> str:
        """Return the metrics for the log of an epoch."""
        means = self.means
        acc = f", dev accuracy {100 * means['acc']:.1f} %" if "acc" in means else ""
        wer = f", dev WER {means['wer']:.2f} %" if "wer" in means else ""
        group = f", dev labels {100 * means['acc_group']:.1f} %" if "acc_group" in means else ""
        return f"dev loss {means.get('loss', math.nan):.3f}{acc}{group}{wer}"

    def cost(self, best_by: str) -> float:
        """Return the value by which epochs are ranked; the lowest is the best.

        The cost of an epoch with bad batches is infinite, because the mean over the remaining
        batches would be too low.

        Args:
            best_by: "loss", "wer", or "acc", whose cost is negative.
        """
        if self.num_bad:
            return math.inf
        value = self.means.get(best_by, math.nan)
        return -value if best_by == "acc" else value


class EpochEnd(NamedTuple):
    """The state of a training after the evaluation of an epoch."""

    epoch: int
    """Number of the epoch, from 1."""
    step: int
    """Number of optimizer steps so far."""
    dev: Evaluation
    """Results on the development set."""
    writers: Writers
    """Writers of metrics and pictures."""


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterator[BatchT],
    evaluate_batch: Callable[[BatchT], EvaluatedBatch],
    describe: Callable[[BatchT], str],
    stopper: Stopper,
) -> Evaluation:
    """Evaluate a model and return it to training mode.

    Args:
        model: The model, in training mode.
        batches: The share of the development set that belongs to this process.
        evaluate_batch: Function that returns the loss and the word errors of a batch.
        describe: Function that returns the names of the utterances of a batch, for messages.
        stopper: The handler of SIGTERM, which may end the program during the evaluation. A resumed
            run repeats the evaluation.
    """
    model.eval()
    meter, num_bad, num_errors, num_words = Meter(), 0, 0, 0
    # Processes have different numbers of these batches: they stop together after the loop.
    while not stopper.is_requested and (taken := stopper.take(batches, 1)):
        with naming_batches("the evaluation", describe, taken):
            found = evaluate_batch(taken[0])
        if torch.isfinite(found.output.loss):
            meter.add(found.output.with_statistics_on_cpu())
            num_errors += found.num_errors
            num_words += found.num_words
        else:
            num_bad += 1
            logger.warning("dev loss is not finite, batch left out: %s", describe(taken[0]))
    model.train()
    stopper.stop_if_requested()
    counts = distributed.gather((num_bad, num_errors, num_words))
    num_bad, num_errors, num_words = (sum(column) for column in zip(*counts))
    means = meter.means()
    if num_words:
        means["wer"] = 100.0 * num_errors / num_words
    return Evaluation(means, meter.usage(), num_bad)
