"""A gated feed-forward, and blocks that mix frames by a convolution alone, without attention."""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import nn

from moeasr.config import OneOf
from moeasr.models.cache import BlockPast
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.nn.convolution import ConvolutionModule
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.nn.routing import named_routings

GATES = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}


class GatedFeedForward(nn.Module):
    """y = W2 (gate(V x) * W1 x)."""

    def __init__(self, d_model, hidden_units, gate):
        super().__init__()
        self.gate = gate
        self.w1 = nn.Linear(d_model, 2 * hidden_units)
        self.w2 = nn.Linear(hidden_units, d_model)

    @property
    def macs_per_frame(self):
        return self.w1.weight.numel() + self.w2.weight.numel()

    def forward(self, x, valid, context=None):
        hidden, gate = self.w1(x).chunk(2, dim=-1)
        return self.w2(self.gate(gate) * hidden), None


@dataclass(frozen=True, kw_only=True)
class GatedConfig(FeedForwardConfig):
    """Settings of a gated feed-forward."""

    hidden_units: int = 8
    gate: Annotated[str, OneOf(GATES)] = "sigmoid"

    def build(self, stack, like=None):
        return like or GatedFeedForward(stack.d_model, self.hidden_units, GATES[self.gate])


class MixerBlock(nn.Module):
    """A convolution over frames, then a feed-forward."""

    def __init__(self, d_model, convolution, feed_forward):
        super().__init__()
        self.mix = convolution
        self.feed_forward = feed_forward
        self.mix_norm = nn.LayerNorm(d_model)
        self.feed_forward_norm = nn.LayerNorm(d_model)

    def start(self, num_streams):
        return BlockPast(None, self.mix.start(num_streams))

    def forward(self, x, positions, attention_mask, valid, context=None, past=None):
        seen = None if past is None else past.convolution
        y, seen = self.mix(self.mix_norm(x), valid.mask, seen)
        x = x + y
        y, routing = self.feed_forward(self.feed_forward_norm(x), valid, context)
        return (
            x + F.dropout(y, 0.1, self.training),
            named_routings(feed_forward=routing),
            BlockPast(None, seen),
        )


@dataclass(frozen=True, kw_only=True)
class MixerConfig(BlockEncoderConfig):
    """An encoder of such blocks."""

    kernel_size: int = 5

    def build_block(self, stack, index, group):
        convolution = ConvolutionModule(self.d_model, self.kernel_size, self.causal_conv)
        return MixerBlock(self.d_model, convolution, self.feed_forward.build(stack))
