"""Text as words between white space."""

from collections.abc import Sequence


class WordSplitter:
    """Splits text into words and joins them again."""

    def split(self, text: str) -> list[str]:
        """The words of a clean text."""
        return text.split()

    def join(self, units: Sequence[str]) -> str:
        """The text of some words."""
        return " ".join(units)
