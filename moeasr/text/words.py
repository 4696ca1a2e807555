"""Units that are words, separated by white space."""

from collections.abc import Sequence


class WordSplitter:
    """A splitter of text into words, which can also join them."""

    def split(self, text: str) -> list[str]:
        """Split a normalised text into words."""
        return text.split()

    def join(self, units: Sequence[str]) -> str:
        """Join words into text."""
        return " ".join(units)
