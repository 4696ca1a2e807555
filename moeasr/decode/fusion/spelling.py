"""Letters of the units, and the word boundaries between units, in tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moeasr.decode.fusion.unit_letters import Junction, UnitLetters
from moeasr.text.tokenizer import Tokenizer


class UnitSpellings(nn.Module):
    """The letters of all units, with the word boundaries between units in tensors.

    Args:
        tokenizer: The units.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.unit_letters = unit_letters = UnitLetters(tokenizer)
        self.letters = unit_letters.letters
        """Letters of each unit, see `UnitLetters`."""
        columns = [torch.tensor(column) for column in zip(*unit_letters.junctions)]
        self.register_buffer("begins_word", columns[0])
        """(V,) the unit begins with a space."""
        self.register_buffer("has_letters", torch.tensor([bool(x) for x in self.letters]))
        """(V,) the unit is more than a space, `<blank>` or `<sos/eos>`."""
        for name, column in zip(Junction._fields[1:], columns[1:]):
            self.register_buffer(f"_{name}", column)

    def begins_here(self, after_unspaced: Tensor, units: Tensor) -> Tensor:
        """Return whether the script requires a word boundary before each unit, even without space.

        Args:
            after_unspaced: bool, True if the previous letter is of a script without spaces.
            units: int64 unit ids whose shape broadcasts with that of `after_unspaced`.
        """
        is_new = (self._first_unspaced[units] | after_unspaced) & ~self._first_extends[units]
        return is_new & self.has_letters[units] & ~self.begins_word[units]

    def after(self, after_unspaced: Tensor, units: Tensor) -> Tensor:
        """Return the value of `after_unspaced` after the units."""
        return torch.where(self._keeps_last[units], after_unspaced, self._last_unspaced[units])

    def spell(self, units: Sequence[int]) -> list[str]:
        """Return the letters of a text, see `UnitLetters.spell`."""
        return self.unit_letters.spell(units)
