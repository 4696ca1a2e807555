"""The CTC head: a projection to the vocabulary, and its loss."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.models.heads.head import Head, HeadConfig, HeadLoss
from moeasr.nn.unquantized_linear import UnquantizedLinear

BLANK = 0


class CtcHead(Head):
    """Linear layer from encoder states to log-probabilities of units and blank (id 0).

    Args:
        d_model: D.
        vocab_size: V.
    """

    def __init__(self, d_model: int, vocab_size: int) -> None:
        super().__init__()
        self.project = UnquantizedLinear(d_model, vocab_size)

    def log_probs(self, enc: Tensor) -> Tensor:
        """(B, T', D) -> (B, T', V) log-probabilities, in float32 at least."""
        logits = self.project(enc)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return logits.log_softmax(dim=-1, dtype=dtype)

    def loss(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """See `Head`."""
        loss = self.losses(enc, enc_lens, tokens, tokens_lens).sum()
        return HeadLoss(loss, {"loss_ctc": loss}, {})

    def losses(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> Tensor:
        """(B,) negative log-likelihood of each utterance's tokens.

        An utterance whose tokens do not fit its frames gives infinity; data loading leaves such
        utterances out, and the trainer reports and skips what is not finite.
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
    """A CTC head; there is nothing to choose."""

    type: Literal["ctc"] = "ctc"

    def build(self, d_model: int, vocab_size: int) -> CtcHead:
        """See `HeadConfig`."""
        return CtcHead(d_model, vocab_size)
