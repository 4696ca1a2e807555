"""Settings of the language model and the boosted phrases."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from moeasr.errors import InputError
from moeasr.options import FilePath

Level = Literal["word", "unit"]


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """Language model and boosted phrases, whose scores are added in beam searches."""

    # Each file is followed by its own settings, which have no effect without it.
    lm: FilePath | None = None
    """ARPA file of an n-gram language model, optionally compressed with gzip."""
    lm_weight: float = 0.5
    """Weight of the language model's log-probabilities, which are natural logarithms."""
    lm_level: Level = "word"
    """Tokens of the language model: words of the text, or units of the model."""
    word_bonus: float = 0.0
    """Number added to the score for each token of the language model."""
    lm_unk_penalty: float = -10.0
    """Number added to the log-probability of each word that is unknown to the language model, in
    addition to log P(<unk>)."""

    context: FilePath | None = None
    """File of phrases to boost, one per line, optionally followed by a tab and a score per unit."""
    context_score: float = 1.0
    """Number added to the natural-log score of a hypothesis for each unit of a boosted phrase."""

    def __post_init__(self) -> None:
        """Check ranges."""
        levels = get_args(Level)
        if self.lm_level not in levels:
            raise InputError(f"`lm_level` must be {' or '.join(levels)}, but is '{self.lm_level}'")
        if not 0 <= self.lm_weight < float("inf"):
            raise InputError(f"`lm_weight` must be at least 0, but is {self.lm_weight}")
        if not math.isfinite(self.word_bonus):
            raise InputError(f"`word_bonus` must be a finite number, but is {self.word_bonus}")
        if not 0 < self.context_score < float("inf"):
            raise InputError(f"`context_score` must be above 0, but is {self.context_score}")
        if not float("-inf") < self.lm_unk_penalty <= 0:
            raise InputError(f"`lm_unk_penalty` must be at most 0, but is {self.lm_unk_penalty}")

    def describe(self) -> dict[str, Any] | None:
        """Return the settings in use as plain types; None without a language model and phrases."""
        names = [name for name, file in _files().items() if getattr(self, file) is not None]
        return {name: getattr(self, name) for name in names} or None

    @staticmethod
    def check_given(given: Iterable[str]) -> None:
        """Raise `InputError` if a field was given without the file that it belongs to."""
        given = set(given)
        for name, file in _files().items():
            if name in given and file not in given:
                raise InputError(f"`{name}` has no effect without `{file}`")


def _files() -> dict[str, str]:
    """Return, for each field, the field with the file that it needs; a file field needs itself."""
    files: dict[str, str] = {}
    for field in dataclasses.fields(FusionConfig):
        is_file = field.type == FilePath | None
        files[field.name] = field.name if is_file else next(reversed(files.values()))
    return files
