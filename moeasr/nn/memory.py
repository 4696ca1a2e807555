"""The FSMN memory block: a learned weighted sum over neighbouring frames instead of recurrence."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.nn.unquantized_linear import UnquantizedLinear


class MemoryBlock(nn.Module):
    """p_t = V h_t;  y_t = p_t + sum_i a_i * p_(t-i) + sum_j c_j * p_(t+j), element by element.

    The compact feed-forward sequential memory network (Zhang et al., Interspeech 2016; deep form
    arXiv 1803.05030, equation 3), which SpeechMoE's encoder is made of.

    Args:
        d_model: D.
        kernel_size: Frames that are summed; odd unless causal.
        causal: See past frames only, as streaming needs.
    """

    def __init__(self, d_model: int, kernel_size: int, causal: bool) -> None:
        super().__init__()
        past = kernel_size - 1 if causal else (kernel_size - 1) // 2
        self.edges = (past, kernel_size - 1 - past)
        self.project = UnquantizedLinear(d_model, d_model)
        self.taps = nn.Conv1d(d_model, d_model, kernel_size, groups=d_model, bias=False)

    def start(self, num_streams: int) -> Tensor:
        """The past of streams that begin: (B, kernel - 1, D) zeros."""
        return self.taps.weight.new_zeros(num_streams, self.edges[0], self.taps.out_channels)

    def forward(
        self, x: Tensor, valid_mask: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mix neighbouring frames; padding is to them what lies beyond the edges, zeros.

        Args:
            x: (B, T, D).
            valid_mask: (B, T) bool.
            past: (B, kernel - 1, D) projections p before x's, zeros before the first; None: x is
                all.

        Returns:
            (B, T, D), and the projections that were seen: past (or the edge's zeros), then x's.
        """
        p = self.project(x).masked_fill(~valid_mask[:, :, None], 0.0)
        seen = F.pad(p, (0, 0, *self.edges)) if past is None else torch.cat((past, p), dim=1)
        return p + self.taps(seen.transpose(1, 2)).transpose(1, 2), seen
