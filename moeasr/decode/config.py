"""Decoding settings: settings of the encoder, which all searches share, and of each search.

`moeasr.options` derives the command-line options of `decode`, `transcribe` and `stream` from them.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError

if TYPE_CHECKING:
    from moeasr.models.asr import AsrModel

DEFAULT_REVERSE_WEIGHT = 0.3
ENCODER_SETTINGS = ("chunk_size", "num_left_chunks")
"""The settings of the encoder, which affect every search."""


@dataclass(frozen=True, kw_only=True)
class DecodeConfig:
    """Settings of the encoder and of the searches; each search reads only its own settings."""

    chunk_size: int = -1
    """Encoder frames per chunk, as if streaming; -1 for full context."""
    num_left_chunks: int = -1
    """Number of left chunks that a frame attends to; -1 for all."""
    beam_size: int = 10
    """Number of hypotheses in the beam and in the n-best list."""
    ctc_weight: float = 0.5
    """Weight w of the CTC score. Rescoring uses attention + w CTC (as in WeNet), joint decoding
    (1 - w) attention + w CTC (as in ESPnet)."""
    reverse_weight: float | None = None
    """Weight of the right-to-left decoder in attention rescoring, from 0 to 1 (default: 0.3 if the
    model has one, else 0)."""
    length_penalty: float = 0.0
    """Number added to the score for each token in attention search and joint decoding."""

    fusion: FusionConfig = FusionConfig()
    """Language model and boosted phrases, used by every beam search. Attention rescoring receives
    their scores with the n-best lists of the first pass."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.chunk_size != -1 and self.chunk_size < 1:
            raise InputError(
                f"`chunk_size` must be -1 (full context) or at least 1, but is {self.chunk_size}"
            )
        if self.num_left_chunks < -1:
            raise InputError(
                f"`num_left_chunks` must be -1 (all) or at least 0, but is {self.num_left_chunks}"
            )
        if self.num_left_chunks != -1 and self.chunk_size == -1:
            raise InputError("`num_left_chunks` has no effect without `chunk_size`")
        if self.beam_size < 1:
            raise InputError(f"`beam_size` must be at least 1, but is {self.beam_size}")
        if not 0 <= self.ctc_weight < math.inf:
            raise InputError(f"`ctc_weight` must be at least 0, but is {self.ctc_weight}")
        if not math.isfinite(self.length_penalty):
            raise InputError(f"`length_penalty` must be finite, but is {self.length_penalty}")
        if self.reverse_weight is not None and not 0 <= self.reverse_weight <= 1:
            raise InputError(
                f"`reverse_weight` must be between 0 and 1, but is {self.reverse_weight}"
            )

    def resolve(self, model: "AsrModel") -> "DecodeConfig":
        """Return the same settings with the defaults that depend on the model filled in.

        Raises:
            InputError: The settings ask for chunks, but the model cannot decode in chunks, or for a
                right-to-left decoder that the model lacks.
        """
        from moeasr.decode.required_heads import (  # imported late: command lines load this module
            require_heads,
            trained_heads,
        )

        if self.chunk_size != -1:
            model.check_chunks()
        if self.reverse_weight is None:
            has_reverse = "reverse_decoder" in trained_heads(model)
            weight = DEFAULT_REVERSE_WEIGHT if has_reverse else 0.0
            return dataclasses.replace(self, reverse_weight=weight)
        if self.reverse_weight > 0:
            who = f"`reverse_weight` {self.reverse_weight} needs"
            require_heads(["reverse_decoder"], model, who)
        return self
