"""What networks return: plain records of tensors."""

from typing import NamedTuple

from torch import Tensor

from moeasr.nn.routing import Routing


class EncoderOutput(NamedTuple):
    """Encoder states of a batch."""

    enc: Tensor
    """(B, T', D)."""
    enc_lens: Tensor
    """(B,) int64."""
    routings: dict[str, Routing]
    """Of each MoE layer, by its path in the encoder; in the model, if the model returned it."""
    embedding: Tensor | None = None
    """(B, T', C) states of SpeechMoE's embedding network, not detached."""


class DecoderOutput(NamedTuple):
    """Decoder scores of a batch."""

    logits: Tensor
    """(B, U, V)."""
    routings: dict[str, Routing]
    """Of each MoE layer, by its path in the decoder."""


class LossOutput(NamedTuple):
    """The loss of one micro-batch, as sums: whoever holds all parts divides once."""

    loss: Tensor
    """Scalar: the sum over utterances."""
    weight: Tensor
    """Scalar: the number of utterances."""
    stats: dict[str, Tensor]
    """Scalars for the log, detached; each likewise a sum over utterances."""
    expert_loads: dict[str, Tensor]
    """Assignments to each expert (E,), by the path of the MoE layer in the model, detached."""
