"""The scores of boosted phrases for prefix search without torch.

The scores are those of `moeasr.decode.fusion.phrases.ContextGraph`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.fusion.phrase_trie import Phrase, PhraseTrie, read_phrases, written_phrases
from moeasr.decode.fusion.unit_letters import BOUNDARY, UnitLetters
from moeasr.errors import InputError
from moeasr.text.tokenizer import Tokenizer


class PhraseState(NamedTuple):
    """The state of a unit sequence."""

    node: int
    """Node of the trie."""
    after_unspaced: bool
    """True if the last letter is of a script without spaces."""


class PhraseScorer:
    """A scorer of unit sequences, in which each occurrence of a phrase adds to the score.

    Args:
        phrases: The phrases.
        tokenizer: The units.

    Raises:
        InputError: The units can write none of the phrases.
    """

    def __init__(self, phrases: Sequence[Phrase], tokenizer: Tokenizer) -> None:
        self._letters = UnitLetters(tokenizer)
        self._trie = PhraseTrie(written_phrases(phrases, tokenizer), tokenizer, self._letters)
        self._steps: dict[tuple[PhraseState, int], tuple[float, PhraseState]] = {}

    @classmethod
    def read(cls, config: FusionConfig, tokenizer: Tokenizer) -> "PhraseScorer | None":
        """Return the scorer of the phrases in a file; None if the settings name no file.

        Raises:
            InputError: The file is missing or invalid, or the units can write none of its phrases.
        """
        if config.context is None:
            return None
        try:
            return cls(read_phrases(config.context, config.context_score), tokenizer)
        except InputError as error:
            if str(error).startswith(config.context):
                raise
            raise InputError(f"{config.context}: {error}") from None

    def start(self) -> PhraseState:
        """Return the state of the empty sequence, whose score is 0."""
        node, _ = self._trie.step(0, BOUNDARY)
        return PhraseState(node, False)

    def extend(self, state: PhraseState, unit: int) -> tuple[float, PhraseState]:
        """Return the increase of the score by a further unit, and the new state."""
        known = self._steps.get((state, unit))
        if known is not None:
            return known
        trie, letters = self._trie, self._letters
        node, total = state.node, 0.0
        if letters.is_break(state.after_unspaced, unit):
            node, total = trie.step(node, BOUNDARY)
        node, gain = trie.walk(node, letters.letters[unit])
        found = total + gain, PhraseState(node, letters.after(state.after_unspaced, unit))
        self._steps[state, unit] = found
        return found

    def finish(self, state: PhraseState) -> float:
        """Return the increase of the score by the end, which removes incomplete phrases."""
        node, gain = self._trie.step(state.node, BOUNDARY)
        return gain - self._trie.provisional[node]
