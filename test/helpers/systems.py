"""Small models of every kind, for properties that all models must have."""

import dataclasses

import torch
import torch.nn.functional as F

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.expert_ctc_head import ExpertCtcConfig
from moeasr.models.heads.group_head import GroupConfig
from moeasr.models.intermediate_ctc import IntermediateCtcConfig
from moeasr.moe.layer import DrawnExperts, MoeConfig
from moeasr.nn.feed_forward import DenseConfig

NUM_MEL_BINS = 20
BATCH = (
    torch.randn(2, 70, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(3)),
    torch.tensor([70, 50]),
    torch.tensor([[3, 4, 4, 5], [6, 7, 0, 0]]),
    torch.tensor([4, 2]),
)

LABELS = torch.tensor([1, 0])
"""Labels of the batch, for a head with labels; other systems ignore them."""


DENSE = DenseConfig(hidden_units=24)


def moe(**settings):
    settings = {"num_experts": 4, "experts_per_frame": 2, "hidden_units": 16, **settings}
    return MoeConfig(**settings)


def encoder(feed_forward=DENSE, macaron=None, **settings):
    """The config of a small Conformer, or of a Transformer by `type`."""
    settings = {"num_blocks": 2, "d_model": 16, "feed_forward": feed_forward, **settings}
    settings = {"num_heads": 2, "dropout": 0.0, "attention_dropout": 0.0, **settings}
    kind = ENCODERS[settings.pop("type", "conformer")]
    if kind is ConformerConfig:
        settings = {
            "conv_kernel_size": 5,
            "macaron_feed_forward": macaron or feed_forward,
        } | settings
    return kind(**settings)


TOP_1 = moe(experts_per_frame=1, expert_weights="full", router="embedding")
LEARNED = moe(router="learned_group", experts_per_frame=2)
MEMORY = {"type": "transformer", "memory_kernel_size": 3, "attention_every": 2}
CTC_ONLY = {
    "decoder": DecoderConfig(num_blocks=0, num_reverse_blocks=0),
    "ctc_weight": 1.0,
    "reverse_weight": 0.0,
}
SYSTEMS = {
    "dense": {"encoder": encoder()},
    "u2pp_moe": {"encoder": encoder(moe())},
    "speechmoe": {
        "encoder": encoder(TOP_1, DENSE),
        "embedding": EmbeddingConfig(encoder=encoder(d_model=8, num_blocks=1)),
    },
    "speechmoe_transformer": {
        "encoder": encoder(TOP_1, **MEMORY),
        "embedding": EmbeddingConfig(encoder=encoder(d_model=8, **MEMORY)),
        **CTC_ONLY,
    },
    "transformer": {"encoder": encoder(moe(), type="transformer")},
    "shared_consecutive": {
        "encoder": encoder(moe(expert_weights="full"), DENSE, num_blocks=4, num_groups=2)
    },
    "shared_interleaved": {
        "encoder": encoder(moe(), num_blocks=4, num_groups=2, group_layout="interleaved")
    },
    "key_position": {
        "encoder": encoder(
            moe(activation="relu"), attention="key_position", conv_norm="none", final_norm=True
        )
    },
    "self_conditioned": {
        "encoder": encoder(moe()),
        "intermediate_ctc": IntermediateCtcConfig(blocks=(1,), conditioned_blocks=(1,)),
    },
    "learned_group": {
        "encoder": encoder(LEARNED, num_dense_blocks=1),
        "heads": {"accent": GroupConfig(weight=0.5, labels=("north", "south"), label="accent")},
    },
    "learned_blank": {
        "encoder": encoder(moe(router="learned_group", num_experts=6), num_dense_blocks=1),
        "heads": {
            "speech": GroupConfig(weight=0.5, labels=("en", "zh"), loss="ctc", blank_group=True)
        },
    },
    "expert_ctc": {
        "encoder": encoder(moe()),
        "heads": {
            "experts": ExpertCtcConfig(
                weight=0.5,
                blocks=(1, 2),
                labels=("north", "south"),
                label="accent",
                label_weight_schedule=((0, 1.0), (4, 0.0)),
            )
        },
    },
    "drawn_experts": {
        "encoder": encoder(moe(experts_per_frame=DrawnExperts(train=(1, 2, 4), decode=2)))
    },
    "omni": {"encoder": encoder(moe(router="omni"))},
    "shared_expert": {"encoder": encoder(moe(shared_expert_units=12))},
    "noisy_top_k": {"encoder": encoder(moe(router="noisy_top_k"))},
    "balanced": {"encoder": encoder(moe(router="balanced"))},
    "random": {"encoder": encoder(moe(router="random"))},
    "hash": {"encoder": encoder(moe(router="hash"))},
    "utterance": {"encoder": encoder(moe(router="utterance"), dynamic_chunk=False)},
    "merged_experts": {
        "encoder": encoder(
            moe(router="utterance", merge=True, experts_per_frame=1, expert_weights="full"),
            dynamic_chunk=False,
        )
    },
    "merged_from": {"encoder": encoder(moe(num_experts=3, merged_from=4))},
    "look_ahead": {
        "encoder": encoder(moe(router="look_ahead", look_ahead_frames=2), dynamic_chunk=False)
    },
}
STREAMING = [name for name, system in SYSTEMS.items() if not system["encoder"].sees_future]
"""The systems that can decode in chunks."""


def make_system(name, vocab_size=9, rates=None, **settings):
    """A model in float64 and in training mode, whose dropout is 0, or `rates` in all parts."""
    return build_model(system_config(name, rates, **settings), NUM_MEL_BINS, vocab_size).double()


def system_config(name, rates=None, **settings):
    """The config of a system."""
    settings = {**SYSTEMS[name], **settings}
    feed_forward = moe() if name in ("u2pp_moe", "omni") else DENSE
    decoder = DecoderConfig(
        num_blocks=1, num_reverse_blocks=1, num_heads=2, dropout=0.0, feed_forward=feed_forward
    )
    config = ModelConfig(**{"decoder": decoder, **settings})
    if rates is not None:
        config = with_rates(config, **rates)
    return config


def decoders(model):
    """The decoders of a model by their names in it; none without an attention head."""
    if "attention" not in model.all_heads:
        return {}
    return dict(model.all_heads["attention"].named_children())


def with_rates(config, **rates):
    """The config with this `dropout` or `attention_dropout` in both encoders and the decoders."""
    parts = {
        name: dataclasses.replace(getattr(config, name), **rates) for name in ("encoder", "decoder")
    }
    if config.embedding is not None:
        own = dataclasses.replace(config.embedding.encoder, **rates)
        parts["embedding"] = dataclasses.replace(config.embedding, encoder=own)
    return dataclasses.replace(config, **parts)


def vary(module):
    """Change all parameters, because all new norms have the same weight 1 and bias 0."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return module


def normed(norm, x):
    """Return the output of a layer norm of this width, from its weights."""
    return F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, eps=1e-5)


def assert_gradient(loss, parameters):
    """Raise `AssertionError` unless the gradient is that of differences, along a random direction.

    A difference is off by the loss's third derivative times step^2, and by the rounding of two
    losses over two steps.

    Args:
        loss: Function that returns the loss, which depends only on the parameters.
        parameters: Some of those that it depends on; gradients of all of them are set.
    """
    loss().backward()
    directions = [torch.randn_like(parameter) for parameter in parameters]
    slope = sum((p.grad * d).sum() for p, d in zip(parameters, directions))
    step, losses = 1e-6, []
    with torch.no_grad():
        for move in (step, -2 * step):
            torch._foreach_add_(parameters, directions, alpha=move)
            losses.append(loss())
    torch.testing.assert_close((losses[0] - losses[1]) / (2 * step), slope, rtol=1e-6, atol=1e-6)


def pieces(batch):
    """Each utterance of a batch as a batch of its own, without padding."""
    feats, feats_lens, tokens, tokens_lens = batch
    for b in range(len(feats)):
        yield (
            feats[b : b + 1, : feats_lens[b]],
            feats_lens[b : b + 1],
            tokens[b : b + 1, : tokens_lens[b]],
            tokens_lens[b : b + 1],
        )
