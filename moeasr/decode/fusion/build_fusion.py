"""Settings of language model and boosted phrases, and the fusion that they make."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from moeasr.decode.fusion.ngram import NgramWeights, UnitNgram, WordNgram
from moeasr.decode.fusion.phrases import ContextGraph, read_phrases
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa
from moeasr.text.tokenizer import Tokenizer

LEVELS = ("word", "unit")


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """What scores prefixes beside CTC."""

    lm: str | None = None
    """ARPA file of an n-gram language model, perhaps gzipped."""
    lm_weight: float = 0.5
    """Weight of its log-probabilities (natural logarithms)."""
    lm_level: str = "word"
    """`word` if its words are those of the text, `unit` if they are the model's units."""
    word_bonus: float = 0.0
    """Added to the score for each word (for each unit if that is the level)."""
    lm_unk_penalty: float = -10.0
    """Added to the log-probability of each word that it does not know, beside its P(<unk>)."""
    context: str | None = None
    """File of phrases to boost, one a line, behind a tab perhaps its own score."""
    context_score: float = 1.0
    """Added to the score for each unit of a phrase (natural logarithm)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.lm_level not in LEVELS:
            raise InputError(f"`lm_level` must be {' or '.join(LEVELS)}, but is '{self.lm_level}'")
        if not 0 <= self.lm_weight < float("inf"):
            raise InputError(f"`lm_weight` must be at least 0, but is {self.lm_weight}")
        if not math.isfinite(self.word_bonus):
            raise InputError(f"`word_bonus` must be a finite number, but is {self.word_bonus}")
        if not 0 < self.context_score < float("inf"):
            raise InputError(f"`context_score` must be above 0, but is {self.context_score}")
        if not float("-inf") < self.lm_unk_penalty <= 0:
            raise InputError(f"`lm_unk_penalty` must be at most 0, but is {self.lm_unk_penalty}")

    @classmethod
    def from_options(cls, given: Mapping[str, Any]) -> "FusionConfig":
        """Only what the user gave: fields of this class.

        Raises:
            InputError: A value is out of range, or without the file that it belongs to.
        """
        for file, names in _BELONGING.items():
            stray = [name for name in names if name in given and file not in given]
            if stray:
                raise InputError(f"`{stray[0]}` means nothing without `{file}`")
        return cls(**given)

    def describe(self) -> dict[str, Any] | None:
        """The settings that take part, as plain types; None if there is neither file."""
        files = [file for file in _BELONGING if getattr(self, file) is not None]
        names = [name for file in files for name in (file, *_BELONGING[file])]
        return {name: getattr(self, name) for name in names} or None


_BELONGING = {
    "lm": ("lm_weight", "lm_level", "word_bonus", "lm_unk_penalty"),
    "context": ("context_score",),
}
FUSION_OPTIONS = tuple(field.name for field in dataclasses.fields(FusionConfig))


def build_fusion(config: FusionConfig, tokenizer: Tokenizer) -> nn.Module | None:
    """Read the files and build what scores prefixes; None if there are none.

    Args:
        config: Settings.
        tokenizer: The model's units.

    Raises:
        InputError: A file is missing or wrong, or has nothing to do with the units.
    """
    parts: list[nn.Module] = []
    if config.lm is not None:
        is_unit = config.lm_level == "unit" or tokenizer.config.type == "word"
        weights = NgramWeights(config.lm_weight, config.word_bonus, config.lm_unk_penalty)
        model = read_arpa(config.lm)
        try:
            parts.append((UnitNgram if is_unit else WordNgram)(model, weights, tokenizer))
        except InputError as error:
            raise InputError(f"{config.lm}: {error}") from None
    if config.context is not None:
        phrases = read_phrases(config.context, config.context_score)
        try:
            parts.append(ContextGraph(phrases, tokenizer))
        except InputError as error:
            raise InputError(f"{config.context}: {error}") from None
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else FusionSum(parts)
