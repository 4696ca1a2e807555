"""The Conformer's convolution module (arXiv 2005.08100, section 2.2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DepthwiseConvolution(nn.Conv1d):
    """A convolution over time with one filter per channel, applied to frames (B, T, D)."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, T + kernel - 1, D) without padding, to (B, T, D), without a copy.

        Viewed as an image of one row, the frames already have the memory layout (channels last) of
        the two-dimensional kernel. On a CPU it takes a third of the time of the one-dimensional
        kernel. In bfloat16 on a CPU it computes in float32, because PyTorch 2.11 never returns from
        some sizes there (16 channels, kernel 15, 31 frames out), and cannot be interrupted.
        """
        is_rounded = torch.is_autocast_enabled("cpu") or x.dtype is torch.bfloat16
        if x.device.type == "cpu" and is_rounded:
            with torch.autocast("cpu", enabled=False):
                return self._convolve(x.float()).to(x.dtype)
        return self._convolve(x)

    def _convolve(self, x: Tensor) -> Tensor:
        image, weight = x.transpose(1, 2).unsqueeze(2), self.weight.unsqueeze(2)
        y = F.conv2d(image, weight, self.bias, groups=self.groups)
        return y.squeeze(2).transpose(1, 2)


class ConvolutionModule(nn.Module):
    """The convolution module: pointwise -> GLU -> depthwise -> norm -> SiLU -> pointwise.

    Padding frames are set to zero and the edges are padded with zeros *before* the first pointwise
    layer. An utterance therefore has the same output with and without padding behind it. Its left
    context consists of inputs of the module, so these are what a stream caches. The norm is a layer
    norm, because a batch norm would make an output depend on the other utterances of the batch.

    Args:
        d_model: Model width D.
        kernel_size: Number of frames that the depthwise convolution spans; odd unless causal.
        causal: True to use past frames only, as streaming requires.
        has_norm: False omits the norm, for an imported model whose batch norm was folded into the
            depthwise convolution.
        pads_after_gate: True to pad after the first pointwise layer and its gate instead of before
            it, as some imported models do; not for causal modules.
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
        self.depthwise = DepthwiseConvolution(d_model, d_model, kernel_size, groups=d_model)
        self.norm = nn.LayerNorm(d_model) if has_norm else nn.Identity()
        self.pointwise2 = nn.Linear(d_model, d_model)

    def with_own_norm(self) -> "ConvolutionModule":
        """Return a module that shares the weights of this one but has its own norm."""
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
        """Return the cache of streams before their first frame: (B, kernel - 1, D) zeros."""
        num_channels = self.depthwise.in_channels
        return self.depthwise.weight.new_zeros(num_streams, self.edges[0], num_channels)

    def forward(
        self, x: Tensor, valid_mask: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Apply the convolution module.

        Args:
            x: Frames, (B, T, D).
            valid_mask: (B, T) bool, False for padding.
            past: Cache of the (B, kernel - 1, D) inputs before x, zeros before the first frame. It
                requires a causal module. None if x is the whole utterance.

        Returns:
            The outputs (B, T, D), and the padded inputs: `past` or zeros, followed by x.
        """
        x = x.masked_fill(~valid_mask[:, :, None], 0.0)
        if self.pads_after_gate:
            seen = x
            y = F.glu(self.pointwise1(x), dim=-1).masked_fill(~valid_mask[:, :, None], 0.0)
            y = F.pad(y, (0, 0, *self.edges))
        else:
            seen = F.pad(x, (0, 0, *self.edges)) if past is None else torch.cat((past, x), dim=1)
            y = F.glu(self.pointwise1(seen), dim=-1)  # (B, T + kernel - 1, D)
        y = self.depthwise(y)  # (B, T, D)
        return self.pointwise2(F.silu(self.norm(y))), seen
