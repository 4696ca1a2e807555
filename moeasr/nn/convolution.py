"""The Conformer's convolution module (arXiv 2005.08100, section 2.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvolutionModule(nn.Module):
    """Pointwise -> GLU -> depthwise -> norm -> SiLU -> pointwise.

    Padding frames are zeroed and the edges are padded with zeros *before* the first pointwise
    layer, so that an utterance sees the same thing at its end whether padding follows or nothing,
    and a streaming cache holds plain inputs. The norm is a layer norm: unlike a batch norm it
    does not depend on the other utterances.

    Args:
        d_model: D.
        kernel_size: Frames the depthwise convolution spans; odd unless causal.
        causal: See past frames only, as streaming needs.
        has_norm: False leaves the norm out: a trained batch norm can be folded into the depthwise
            convolution.
        pads_after_gate: Pad behind the first pointwise layer and its gate instead; not if causal.
    """

    def __init__(
        self,
        d_model: int,
        kernel_size: int,
        causal: bool,
        has_norm: bool = True,
        pads_after_gate: bool = False,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.has_norm = has_norm
        self.pads_after_gate = pads_after_gate
        past = kernel_size - 1 if causal else (kernel_size - 1) // 2
        self.edges = (past, kernel_size - 1 - past)
        self.pointwise1 = nn.Linear(d_model, 2 * d_model)
        self.depthwise = nn.Conv1d(d_model, d_model, kernel_size, groups=d_model)
        self.norm = nn.LayerNorm(d_model) if has_norm else nn.Identity()
        self.pointwise2 = nn.Linear(d_model, d_model)

    def with_own_norm(self) -> "ConvolutionModule":
        """A module with these very weights but a norm of its own, for another depth."""
        other = ConvolutionModule(
            self.depthwise.in_channels,
            self.depthwise.kernel_size[0],
            self.causal,
            self.has_norm,
            self.pads_after_gate,
        )
        other.pointwise1 = self.pointwise1
        other.depthwise = self.depthwise
        other.pointwise2 = self.pointwise2
        return other

    def start(self, num_streams: int) -> Tensor:
        """The past of streams that begin: (B, kernel - 1, D) zeros."""
        num_channels = self.depthwise.in_channels
        return self.depthwise.weight.new_zeros(num_streams, self.edges[0], num_channels)

    def forward(
        self, x: Tensor, valid_mask: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mix neighbouring frames.

        Args:
            x: (B, T, D).
            valid_mask: (B, T) bool.
            past: (B, kernel - 1, D) inputs before x, zeros before the first; None: x is all.
                Causal modules only.

        Returns:
            (B, T, D), and the inputs that were seen: past (or the edge's zeros), then x.
        """
        x = x.masked_fill(~valid_mask[:, :, None], 0.0)
        if self.pads_after_gate:
            seen = x
            y = F.glu(self.pointwise1(x), dim=-1).masked_fill(~valid_mask[:, :, None], 0.0)
            y = F.pad(y, (0, 0, *self.edges))
        else:
            seen = F.pad(x, (0, 0, *self.edges)) if past is None else torch.cat((past, x), dim=1)
            y = F.glu(self.pointwise1(seen), dim=-1)  # (B, T + kernel - 1, D)
        y = self._mix(y)  # (B, T, D)
        return self.pointwise2(F.silu(self.norm(y))), seen

    def _mix(self, x: Tensor) -> Tensor:
        """The depthwise convolution of (B, T, D), without a copy.

        Seen as an image of one row, frames are already in the order of channels that the
        two-dimensional kernel likes: on a CPU it takes a third of the time of the other.
        """
        conv = self.depthwise
        image, weight = x.transpose(1, 2).unsqueeze(2), conv.weight.unsqueeze(2)
        return F.conv2d(image, weight, conv.bias, groups=conv.groups).squeeze(2).transpose(1, 2)
