"""The sentences of a text file, spoken instead of those of a grammar."""

from pathlib import Path

import numpy as np

from moeasr.errors import InputError
from moeasr.text_lines import read_lines


class Sentences:
    """The lines of a text, sampled with repetition.

    Args:
        lines: Sentences in upper case, words separated by single spaces.
    """

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    @classmethod
    def of_file(cls, path: Path) -> "Sentences":
        """Read one sentence per line; empty lines are ignored.

        Raises:
            InputError: The file has no sentence, or a line has characters other than letters,
                apostrophes and spaces.
        """
        lines = []
        for number, line in read_lines(path):
            words = line.upper().split()
            if other := sorted(
                set("".join(words)) - {"'"} - set(filter(str.isalpha, line.upper()))
            ):
                raise InputError(
                    f"{path}, line {number} has '{other[0]}'; sentences may have letters, "
                    "apostrophes and spaces only, so that the transcript is what is spoken"
                )
            if words:
                lines.append(" ".join(words))
        if not lines:
            raise InputError(f"{path} has no sentence")
        return cls(lines)

    def sentence(self, rng: np.random.Generator) -> str:
        """Sample one sentence."""
        return self._lines[rng.integers(len(self._lines))]

    def spoken_form(self, text: str) -> str:
        """Return the input with which espeak-ng says `text`.

        An A beside another single letter is the name of the letter, as in spelled words.
        """
        words = text.split()
        around = zip(["", *words], words, [*words[1:], ""])
        return " ".join(
            "[[eI]]" if word == "A" and 1 in (len(before), len(after)) else word.lower()
            for before, word, after in around
        )
