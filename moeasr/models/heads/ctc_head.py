"""The CTC head: a projection to the vocabulary, and the CTC loss."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.models.heads.head import Head, HeadConfig, HeadLoss
from moeasr.nn.unquantized_linear import UnquantizedLinear

BLANK = 0


class CtcHead(Head):
    """A linear layer from encoder output to log-probabilities of units and blank (id 0).

    Args:
        d_model: Model width D.
        vocab_size: Vocabulary size V.
    """

    def __init__(self, d_model: int, vocab_size: int) -> None:
        super().__init__()
        self.project = UnquantizedLinear(d_model, vocab_size)

    def log_probs(self, enc: Tensor) -> Tensor:
        """Compute log-probabilities in float32 or float64, (B, T', D) -> (B, T', V)."""
        logits = self.project(enc)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return logits.log_softmax(dim=-1, dtype=dtype)

    def loss(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """Compute the training loss of encoded utterances, see `Head.loss`."""
        loss = self.losses(enc, enc_lens, tokens, tokens_lens).sum()
        return HeadLoss(loss, {"loss_ctc": loss}, {})

    def losses(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> Tensor:
        """Compute the negative log-likelihood (B,) of the tokens of each utterance.

        The loss is infinite if an utterance has too few frames for its tokens. Data loading omits
        such utterances, and the trainer reports and skips batches whose loss is not finite.
        """
        return F.ctc_loss(
            self.log_probs(enc).transpose(0, 1),
            tokens,
            enc_lens,
            tokens_lens,
            blank=BLANK,
            reduction="none",
        )


@dataclass(frozen=True, kw_only=True)
class CtcConfig(HeadConfig):
    """The settings of a CTC head, which has no options of its own."""

    type: Literal["ctc"] = "ctc"

    def build(self, d_model: int, vocab_size: int) -> CtcHead:
        """Build the head, see `HeadConfig.build`."""
        return CtcHead(d_model, vocab_size)
