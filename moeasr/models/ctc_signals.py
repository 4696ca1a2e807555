"""Additional learning signals of the CTC head, which only training computes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from moeasr.models.heads.head import HeadLoss
from moeasr.nn.mask import make_valid_mask

if TYPE_CHECKING:
    from moeasr.models.heads.ctc_head import CtcHead
    from moeasr.models.outputs import EncoderOutput


class CtcSignals:
    """The terms that training adds to the loss of the CTC head.

    Args:
        consistency_weight: Weight alpha of the divergence between two views, see `view_divergence`.
    """

    def __init__(self, consistency_weight: float) -> None:
        self._consistency_weight = consistency_weight

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
            targets: Tokens (B, U), padded with 0, and their numbers (B,).
            num_views: Number of differently masked views of each utterance, see
                `moeasr.data.batch.Batch`.
        """
        if num_views < 2 or self._consistency_weight == 0:
            return own
        divergence = view_divergence(head.log_probs(encoded.enc), encoded.enc_lens)
        loss = own.loss + self._consistency_weight * divergence
        return own._replace(loss=loss, stats={**own.stats, "loss_consistency": divergence})


def view_divergence(log_probs: Tensor, lens: Tensor) -> Tensor:
    """Compute the divergence between the CTC posteriors of two views of the same utterances.

    It is the sum of KL(sg(q) || p) over the valid frames of both views, where p are the posteriors
    of a frame, q those of the same frame in the other view, and sg stops the gradient (CR-CTC,
    arXiv 2410.05101, section 3.2).

    Args:
        log_probs: Log-probabilities (2 B, T, V): the first views of B utterances, then the second
            views in the same order.
        lens: Number of valid frames of each row, (2 B,).
    """
    other = log_probs.detach().roll(log_probs.size(0) // 2, dims=0)
    divergence = F.kl_div(log_probs, other, reduction="none", log_target=True).sum(dim=-1)
    return divergence.masked_fill(~make_valid_mask(lens, divergence.size(1)), 0.0).sum()
