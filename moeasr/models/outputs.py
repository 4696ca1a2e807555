"""Outputs of networks, as plain records of tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.nn.routing import Routing


class EncoderOutput(NamedTuple):
    """The encoder output of a batch."""

    enc: Tensor
    """Encoder frames, (B, T', D)."""
    enc_lens: Tensor
    """Number of valid encoder frames of each utterance, (B,) int64."""
    routings: dict[str, Routing]
    """Routing of each MoE layer, by its path in the encoder, or in the model if the model returned
    this record."""
    embedding: Tensor | None = None
    """Output of SpeechMoE's embedding network, not detached, (B, T', C)."""
    intermediate: tuple[Tensor, ...] = ()
    """Outputs of the blocks with intermediate CTC, (B, T', D) each; empty outside training."""
    group_scores: Tensor | None = None
    """Scores of the labels by the head that chooses groups of experts, (B, T', C)."""
    labels: Tensor | None = None
    """Label of each utterance for this head, (B,); -1 or None if unknown."""


class DecoderOutput(NamedTuple):
    """The decoder output of a batch."""

    logits: Tensor
    """Scores of the next tokens before the softmax, (B, U, V)."""
    routings: dict[str, Routing]
    """Routing of each MoE layer, by its path in the decoder."""


class LossOutput(NamedTuple):
    """The loss of one micro-batch, summed over its utterances.

    The trainer adds the sums of all micro-batches of a step, and divides by the total number of
    utterances (`weight`).
    """

    loss: Tensor
    """Sum of the loss over utterances, a scalar."""
    weight: Tensor
    """Weight of the micro-batch in the mean: its number of utterances, a scalar."""
    stats: dict[str, Tensor]
    """Detached scalars for the log, each a sum over utterances."""
    expert_loads: dict[str, Tensor]
    """Detached number of assignments to each expert (E,), by the path of the MoE layer in the
    model."""

    def with_statistics_on_cpu(self) -> "LossOutput":
        """Return the output with all but the loss on the CPU, which takes a single copy."""
        found = [self.weight, *self.stats.values(), *self.expert_loads.values()]
        flat = torch.cat([value.reshape(-1) for value in found]).cpu()
        weight, *parts = flat.split([value.numel() for value in found])
        stats = {name: part[0] for name, part in zip(self.stats, parts)}
        loads = dict(zip(self.expert_loads, parts[len(stats) :]))
        return LossOutput(self.loss, weight[0], stats, loads)
