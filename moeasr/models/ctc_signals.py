"""Additional learning signals of the CTC head, which only training computes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.models.heads.head import HeadLoss
from moeasr.models.weight_schedule import Points, weight_at
from moeasr.nn.mask import make_valid_mask

if TYPE_CHECKING:
    from moeasr.models.heads.ctc_head import CtcHead
    from moeasr.models.outputs import EncoderOutput


class CtcSignals:
    """The terms that training adds to the loss of the CTC head.

    Args:
        consistency_weight: Weight alpha of the divergence between two views, see `view_divergence`.
        intermediate_weight: Weight w of the mean of the intermediate losses.
        weight_schedule: Weight of the CTC loss by step; empty for a constant weight.
    """

    def __init__(
        self, consistency_weight: float, intermediate_weight: float, weight_schedule: Points
    ) -> None:
        self._consistency_weight = consistency_weight
        self._intermediate_weight = intermediate_weight
        self._weight_schedule = weight_schedule

    def head_weights_at(self, step: int) -> dict[str, float]:
        """Return the weights of the heads' losses that the schedule gives for a training step."""
        if not self._weight_schedule:
            return {}
        ctc = weight_at(step, self._weight_schedule)
        return {"ctc": ctc, "attention": 1 - ctc}

    def add_to(
        self,
        own: HeadLoss,
        head: "CtcHead",
        encoded: "EncoderOutput",
        targets: Sequence[Tensor],
        num_views: int,
    ) -> HeadLoss:
        """Return the loss of the CTC head with its additional terms.

        Args:
            own: The loss of the head on the encoder output.
            head: The CTC head.
            encoded: Encoder output of B utterances.
            targets: Number of encoder frames (B,), tokens (B, U), padded with 0, and number of
                tokens (B,).
            num_views: Number of differently masked views of each utterance, see
                `moeasr.data.batch.Batch`.
        """
        loss, stats = own.loss, dict(own.stats)
        if encoded.intermediate and self._intermediate_weight > 0:
            losses = [head.losses(enc, *targets).sum() for enc in encoded.intermediate]
            mean = stats["loss_intermediate_ctc"] = torch.stack(losses).mean()
            loss = (1 - self._intermediate_weight) * loss + self._intermediate_weight * mean
        if num_views > 1 and self._consistency_weight > 0:
            divergence = view_divergence(head.log_probs(encoded.enc), encoded.enc_lens)
            loss = loss + self._consistency_weight * divergence
            stats["loss_consistency"] = divergence
        return own._replace(loss=loss, stats=stats)


def view_divergence(log_probs: Tensor, lens: Tensor) -> Tensor:
    """Compute the divergence between the CTC posteriors of two views of the same utterances.

    It is the sum of KL(sg(q) || p) over the valid frames of both views, where p are the posteriors
    of a frame, q those of the same frame in the other view, and sg stops the gradient (CR-CTC,
    arXiv 2410.05101).

    Args:
        log_probs: Log-probabilities (2 B, T, V): the first views of B utterances, then the second
            views in the same order.
        lens: Number of valid frames of each row, (2 B,).
    """
    other = log_probs.detach().roll(log_probs.size(0) // 2, dims=0)
    divergence = F.kl_div(log_probs, other, reduction="none", log_target=True).sum(dim=-1)
    return divergence.masked_fill(~make_valid_mask(lens, divergence.size(1)), 0.0).sum()
