"""A model on the development set, between two epochs."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from moeasr import distributed
from moeasr.logs import get_logger
from moeasr.models.outputs import LossOutput
from moeasr.train.meter import ExpertUsage, Meter
from moeasr.train.stopping import Stopper

logger = get_logger(__name__)
BatchT = TypeVar("BatchT")


class Evaluation(NamedTuple):
    """What the development sets of all processes tell about a model."""

    means: dict[str, float]
    """Means per utterance, by `moeasr.train.meter.Meter.means`."""
    usage: ExpertUsage
    """Usage of experts."""
    num_bad: int
    """Batches without a finite loss, which were left out."""


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterator[BatchT],
    loss_of: Callable[[BatchT], LossOutput],
    describe: Callable[[BatchT], str],
    stopper: Stopper,
) -> Evaluation:
    """Evaluate a model and return it to training mode.

    Args:
        model: In training mode.
        batches: This process's share of the development set.
        loss_of: The loss of a batch.
        describe: Names the utterances of a batch, for messages.
        stopper: May end the program: a resumed run evaluates again.
    """
    model.eval()
    meter, num_bad = Meter(), 0
    # Processes have different numbers of these batches: they stop together after the loop.
    while not stopper.is_requested and (taken := stopper.take(batches, 1)):
        output = loss_of(taken[0])
        if torch.isfinite(output.loss):
            meter.add(output)
        else:
            num_bad += 1
            logger.warning("dev loss not finite, left out: %s", describe(taken[0]))
    model.train()
    stopper.stop_if_requested()
    return Evaluation(meter.means(), meter.usage(), sum(distributed.gather(num_bad)))
