"""Construction of networks from configs and checkpoints."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.config import ModelConfig
from moeasr.models.ctc_signals import CtcSignals
from moeasr.models.global_cmvn import GlobalCmvn
from moeasr.models.heads.expert_ctc_head import ExpertCtcHead
from moeasr.models.heads.group_head import GroupHead
from moeasr.moe.layer import MoEFeedForward


class ParamCounts(NamedTuple):
    """The parameter counts of a model; each shared tensor is counted once."""

    total: int
    """Number of all parameters."""
    active: int
    """Number of parameters that are used for one frame: of each bank of E experts, only K count."""

    def describe(self) -> str:
        """Return the counts in millions, e.g. "3.52 M, of which each frame uses 1.29 M"."""
        total, active = (f"{count / 1e6:.2f} M" for count in self)
        return total if self.active == self.total else f"{total}, of which each frame uses {active}"


def build_model(
    config: ModelConfig,
    num_mel_bins: int,
    vocab_size: int,
    cmvn: tuple[Tensor, Tensor] | None = None,
) -> AsrModel:
    """Build the recogniser.

    Args:
        config: The `model:` section.
        num_mel_bins: Number F of mel bins.
        vocab_size: Vocabulary size V, including special units.
        cmvn: Mean and inverse standard deviation, each (F,). None leaves features unchanged until
            the values of a checkpoint are loaded.

    Raises:
        InputError: The settings are incompatible.
    """
    mean, istd = cmvn if cmvn is not None else (torch.zeros(num_mel_bins), torch.ones(num_mel_bins))
    embedding, context_size, group = None, len(config.languages), config.group_head
    if config.embedding is not None:
        embedding = config.embedding.build(num_mel_bins, vocab_size)
        context_size = embedding.encoder.d_model
    if group is not None:
        context_size = group.num_groups
    encoder = config.encoder.build(num_mel_bins, context_size)
    heads = config.all_heads
    built = {name: head.build(encoder.d_model, vocab_size) for name, head in heads.items()}
    if config.intermediate_ctc.blocks:
        config.intermediate_ctc.attach(encoder, built["ctc"])
    for head in built.values():
        if isinstance(head, GroupHead):
            encoder.identifying_block = config.encoder.num_dense_blocks
            encoder.identify = head.identify
        if isinstance(head, ExpertCtcHead):
            head.attach(encoder)
    return AsrModel(
        cmvn=GlobalCmvn(mean, istd),
        encoder=encoder,
        heads=built,
        head_weights={name: head.weight for name, head in heads.items()},
        embedding=embedding,
        ctc_signals=CtcSignals(
            config.consistency_weight, config.intermediate_ctc.weight, config.ctc_weight_schedule
        ),
        routing_losses=config.routing_losses,
        languages=config.languages,
        vocab_size=vocab_size,
        max_chunk_size=config.encoder.max_chunk_size if config.encoder.dynamic_chunk else None,
        config=config,
    )


def load_model(checkpoint: Mapping[str, Any]) -> AsrModel:
    """Build the network of a checkpoint with its weights, in eval mode.

    Raises:
        InputError: The weights do not fit the configuration.
    """
    config = from_mapping(ModelConfig, checkpoint["config"]["model"], "the checkpoint's config")
    model = build_model(
        config,
        num_mel_bins=checkpoint["fbank"]["num_mel_bins"],
        vocab_size=len(checkpoint["tokenizer"]["units"]),
    )
    try:
        model.load_state_dict(checkpoint["model"])
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]  # torch lists every tensor, a line each
        raise InputError(f"the checkpoint's weights do not match its config: {reason}") from None
    return model.eval()


def count_params(model: nn.Module) -> ParamCounts:
    """Count all parameters and the active parameters; a tensor shared by blocks counts once."""
    total = sum(p.numel() for p in model.parameters())
    idle, seen = 0, set()
    for module in model.modules():
        if isinstance(module, MoEFeedForward) and id(module.experts) not in seen:
            seen.add(id(module.experts))
            num_experts = module.experts.num_experts
            per_expert = sum(p.numel() for p in module.experts.parameters()) // num_experts
            idle += per_expert * max(0, num_experts - module.router.experts_per_frame)
        if isinstance(module, ExpertCtcHead):
            idle += sum(p.numel() for p in module.parameters())  # used in training only
    return ParamCounts(total, total - idle)
