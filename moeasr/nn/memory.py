"""The FSMN memory block, which replaces recurrence by a learned sum over neighbouring frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.nn.unquantized_linear import UnquantizedLinear


class MemoryBlock(nn.Module):
    """A block of the compact feed-forward sequential memory network, used in SpeechMoE's encoder.

    p_t = V h_t;  y_t = p_t + sum_i a_i * p_(t-i) + sum_j c_j * p_(t+j), element by element
    (Zhang et al., Interspeech 2016; deep form: arXiv 1803.05030, equation 3).

    Args:
        d_model: Model width D.
        kernel_size: Number of frames in the sum; odd unless causal.
        causal: True to use past frames only, as streaming requires.
    """

    def __init__(self, d_model: int, kernel_size: int, causal: bool) -> None:
        super().__init__()
        past = kernel_size - 1 if causal else (kernel_size - 1) // 2
        self.edges = (past, kernel_size - 1 - past)
        self.project = UnquantizedLinear(d_model, d_model)
        self.taps = nn.Conv1d(d_model, d_model, kernel_size, groups=d_model, bias=False)

    def start(self, num_streams: int) -> Tensor:
        """Return the cache of streams before their first frame: (B, kernel - 1, D) zeros."""
        return self.taps.weight.new_zeros(num_streams, self.edges[0], self.taps.out_channels)

    def forward(
        self, x: Tensor, valid_mask: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Apply the memory block. Padding frames count as zeros, like frames beyond the edges.

        Args:
            x: Frames, (B, T, D).
            valid_mask: (B, T) bool, False for padding.
            past: Cache of the (B, kernel - 1, D) projections p before those of x, zeros before the
                first frame. None if x is the whole utterance.

        Returns:
            The outputs (B, T, D), and the padded projections: `past` or zeros, followed by p of x.
        """
        p = self.project(x).masked_fill(~valid_mask[:, :, None], 0.0)
        seen = F.pad(p, (0, 0, *self.edges)) if past is None else torch.cat((past, p), dim=1)
        return p + self.taps(seen.transpose(1, 2)).transpose(1, 2), seen
