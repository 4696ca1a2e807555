"""Layers and encoders of moeasr in the form that a comparison with another toolkit requires.

`make` is an MoE feed-forward, `make_encoder` a U2++ Conformer of given sizes, dense or with experts
in both of its feed-forwards; `make_int8` and `make_encoder_int8` are the same with 8-bit experts.
"""

import functools

import torch
from torch import nn

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.inference import optimize_for_inference
from moeasr.moe.experts import ExpertBank, sorted_kernel
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.moe.packed_experts import PackedExperts
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.nn.feed_forward import DenseConfig
from moeasr.nn.valid_frames import all_frames_valid
from moeasr.report.timing import full_pass, streaming_pass


class PeerFeedForward(nn.Module):
    """An MoE layer from (B, L, D) to (B, L, D) with the weights of the other toolkit."""

    def __init__(self, d_model, hidden_units, num_experts, experts_per_frame, precision):
        super().__init__()
        router = TopKRouter(d_model, num_experts, experts_per_frame, "selected")
        bank = ExpertBank(d_model, hidden_units, num_experts, 0.0, sorted_kernel)
        self.layer = MoEFeedForward(router, bank)
        self.precision = precision

    def load_experts(self, gate, w1, b1, w2, b2):
        bank = self.layer.experts
        with torch.no_grad():
            self.layer.router.weight.copy_(gate)
            for ours, theirs in ((bank.w1, w1), (bank.b1, b1), (bank.w2, w2), (bank.b2, b2)):
                ours.copy_(theirs)

    def optimize_for_inference(self):
        if self.layer.experts.w1.dtype == torch.float32:  # packed layers are made of nothing else
            self.layer.experts = PackedExperts(self.layer.experts, self.precision)

    def forward(self, x):
        return self.layer(x, all_frames_valid(x.size(0), x.size(1), x.device))[0]


class PeerEncoder:
    """An encoder with `full(feats)` and `stream(feats, chunk, left_chunks)`."""

    def __init__(self, config, precision):
        torch.manual_seed(0)
        model = build_model(config, num_mel_bins=80, vocab_size=10).eval()
        self.model = optimize_for_inference(model, precision)

    def full(self, feats):
        return full_pass(self.model, feats)()

    def stream(self, feats, chunk, left_chunks):
        return streaming_pass(self.model, feats, chunk, left_chunks)()


def make(d_model, hidden_units, num_experts, experts_per_frame, precision="fp32"):
    return PeerFeedForward(d_model, hidden_units, num_experts, experts_per_frame, precision)


def make_encoder(d_model, heads, d_ff, layers, n_expert, n_active, precision="fp32"):
    feed_forward = DenseConfig(hidden_units=d_ff)
    if n_expert:
        feed_forward = MoeConfig(
            hidden_units=d_ff, num_experts=n_expert, experts_per_frame=n_active
        )
    encoder = ConformerConfig(
        num_blocks=layers,
        d_model=d_model,
        num_heads=heads,
        conv_kernel_size=8,
        feed_forward=feed_forward,
        macaron_feed_forward=feed_forward,
    )
    decoder = DecoderConfig(num_blocks=0, num_reverse_blocks=0)
    config = ModelConfig(encoder=encoder, decoder=decoder, ctc_weight=1.0, reverse_weight=0.0)
    return PeerEncoder(config, precision)


make_int8 = functools.partial(make, precision="int8")
make_encoder_int8 = functools.partial(make_encoder, precision="int8")
