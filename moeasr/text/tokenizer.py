"""Conversion of text to unit ids and back, which is the same in training, decoding and export.

A tokenizer is a list of units and a way to split text into them: characters, BPE pieces or words.
Models imported from WeNet may use Chinese characters and BPE pieces of the rest (`cjk_bpe`). A
tokenizer is stored in a dictionary directory (`units.txt`, `tokenizer.yaml` and, for BPE,
`bpe.model`). Every checkpoint contains its `state()`, so that decoding needs no other file.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from moeasr.atomic import atomic_path
from moeasr.config import from_mapping, load_yaml
from moeasr.errors import InputError
from moeasr.text.bpe import BpeSplitter
from moeasr.text.byte_units import merge_bytes
from moeasr.text.characters import CharSplitter
from moeasr.text.cjk_bpe import CjkBpeSplitter
from moeasr.text.dictionary import (
    BLANK,
    BLANK_ID,
    SOS_EOS,
    SOS_EOS_ID,
    SPECIAL_UNITS,
    UNK_ID,
    read_units,
    write_units,
)
from moeasr.text.normalize import SPACE_UNIT, normalize
from moeasr.text.scripts import joins
from moeasr.text.words import WordSplitter
from moeasr.yaml_text import dump_yaml

UnitType = Literal["char", "bpe", "word", "cjk_bpe"]


class Splitter(Protocol):
    """A reversible way to split normalised text into symbols."""

    def split(self, text: str) -> list[str]:
        """Split a text into symbols."""
        ...

    def join(self, units: Sequence[str]) -> str:
        """Join symbols into text."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """The content of `tokenizer.yaml`."""

    type: UnitType
    """Type of the units."""
    non_lang_syms: tuple[str, ...] = ()
    """Symbols such as `<noise>` that are one unit each. Units of type `word` do not need them."""


class Tokenizer:
    """A tokenizer, which encodes text as unit ids and decodes ids to text.

    `decode(encode(text)) == normalize(text)` for every text without unknown symbols. An unknown
    symbol is decoded as `<unk>`.

    Args:
        config: Type of the units.
        units: All units; the position of a unit is its id.
        bpe_model: The bytes of the sentencepiece model, for types `bpe` and `cjk_bpe` only.

    Raises:
        InputError: The units and the BPE model do not match the type or each other.
    """

    def __init__(
        self, config: TokenizerConfig, units: Sequence[str], bpe_model: bytes | None = None
    ) -> None:
        if tuple(units[: len(SPECIAL_UNITS)]) != SPECIAL_UNITS:
            raise InputError(f"the list of units must begin with {' '.join(SPECIAL_UNITS)}")
        if (bpe_model is not None) != (config.type in ("bpe", "cjk_bpe")):
            verb = "require" if bpe_model is None else "do not use"
            raise InputError(f"units of type '{config.type}' {verb} a BPE model")
        self.config = config
        self.units = list(units)
        self._bpe_model = bpe_model
        self._splitter = _build_splitter(config, bpe_model, self.units)
        # The text `<blank>` must not be encoded as the blank: it is an unknown symbol.
        self._ids = {
            unit: number
            for number, unit in enumerate(self.units)
            if number not in (BLANK_ID, SOS_EOS_ID)
        }

    @property
    def vocab_size(self) -> int:
        """The number of units, including the special ones."""
        return len(self.units)

    def encode(self, text: str) -> list[int]:
        """Return the unit ids of the normalized text; an unknown symbol gives the id of `<unk>`.

        Raises:
            InputError: The text contains a character that `normalize` rejects.
        """
        return [self._ids.get(symbol, UNK_ID) for symbol in self._splitter.split(normalize(text))]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of unit ids; `<blank>` and `<sos/eos>` are skipped.

        Raises:
            IndexError: An id is negative or not below `vocab_size`.
        """
        if any(number < 0 for number in ids):
            raise IndexError(f"unit ids must not be negative, but are {list(ids)}")
        units = [self.units[number] for number in ids]
        return self._splitter.join([unit for unit in units if unit not in (BLANK, SOS_EOS)])

    def words(self, ids: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Return the words of `decode(ids)`, each with the positions of its units in `ids`.

        Words are defined in `moeasr.text.scripts`: they are separated by spaces, and each character
        of a script without spaces is a word. A unit of several such characters belongs to several
        words. A space belongs to no word.
        """
        words: list[tuple[str, list[int]]] = []
        before = SPACE_UNIT
        is_word = self.config.type == "word"
        for text, places in self._pieces(ids):
            if is_word:
                before = SPACE_UNIT  # each unit begins a word
            for letter in text:
                if letter.isspace():  # a byte unit may be a space
                    letter = SPACE_UNIT
                if letter == SPACE_UNIT:
                    pass
                elif before != SPACE_UNIT and joins(before, letter):
                    last, last_places = words[-1]
                    more = [place for place in places if place not in last_places[-len(places) :]]
                    words[-1] = (last + letter, last_places + more)
                else:
                    words.append((letter, list(places)))
                before = letter
        return words

    def _pieces(self, ids: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Return the texts of units, with bytes merged, and their positions in `ids`."""
        places = [n for n, number in enumerate(ids) if self.units[number] not in (BLANK, SOS_EOS)]
        units = [self.units[ids[place]] for place in places]
        if self._bpe_model is None:
            return [(unit, [place]) for unit, place in zip(units, places)]
        return [(text, [places[n] for n in own]) for text, own in merge_bytes(units)]

    def unknown(self, text: str) -> list[str]:
        """Return the symbols of `text` that have no unit, in order and with repetitions.

        A literal `<unk>` is not included, because it is a unit.
        """
        symbols = self._splitter.split(normalize(text))
        return [symbol for symbol in symbols if symbol not in self._ids]

    def state(self) -> dict[str, Any]:
        """Return the complete state as plain types and bytes, for a checkpoint."""
        return {
            "type": self.config.type,
            "non_lang_syms": list(self.config.non_lang_syms),
            "units": list(self.units),
            "bpe_model": self._bpe_model,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Tokenizer":
        """Restore a tokenizer from its `state()`.

        Raises:
            InputError: The state is malformed.
        """
        expected = {"type", "non_lang_syms", "units", "bpe_model"}
        if set(state) != expected:
            raise InputError(
                f"a tokenizer's state must have the keys {', '.join(sorted(expected))}, "
                f"but has {', '.join(sorted(state))}"
            )
        settings = {"type": state["type"], "non_lang_syms": state["non_lang_syms"]}
        config = from_mapping(TokenizerConfig, settings, "tokenizer state")
        return cls(config, state["units"], state["bpe_model"])

    @classmethod
    def from_dir(cls, dict_dir: str | Path) -> "Tokenizer":
        """Load the tokenizer of a dictionary directory.

        Raises:
            InputError: A file is missing or malformed. The message names the file.
        """
        dict_dir = Path(dict_dir)
        config_path, model_path = dict_dir / "tokenizer.yaml", dict_dir / "bpe.model"
        if not config_path.is_file():
            raise InputError(f"{config_path} does not exist; make_dict writes it (stage 2)")
        config = from_mapping(TokenizerConfig, load_yaml(config_path), config_path)
        units = read_units(dict_dir / "units.txt")
        model = None
        if config.type in ("bpe", "cjk_bpe"):
            if not model_path.is_file():
                raise InputError(f"{model_path} does not exist; make_dict writes it (stage 2)")
            model = model_path.read_bytes()
        try:
            return cls(config, units, model)
        except InputError as error:
            raise InputError(f"dictionary directory {dict_dir}: {error}") from None

    def save(self, dict_dir: str | Path) -> None:
        """Write the dictionary directory; `tokenizer.yaml` is written last and marks completion."""
        dict_dir = Path(dict_dir)
        dict_dir.mkdir(parents=True, exist_ok=True)
        (dict_dir / "tokenizer.yaml").unlink(missing_ok=True)
        (dict_dir / "bpe.model").unlink(missing_ok=True)
        write_units(dict_dir / "units.txt", self.units)
        if self._bpe_model is not None:
            with atomic_path(dict_dir / "bpe.model") as temporary:
                temporary.write_bytes(self._bpe_model)
        settings = {"type": self.config.type, "non_lang_syms": list(self.config.non_lang_syms)}
        with atomic_path(dict_dir / "tokenizer.yaml") as temporary:
            temporary.write_text(dump_yaml(settings), encoding="utf-8")


def _build_splitter(
    config: TokenizerConfig, bpe_model: bytes | None, units: Sequence[str]
) -> Splitter:
    if config.type == "char":
        return CharSplitter(config.non_lang_syms)
    if config.type == "word":
        return WordSplitter()
    if config.type == "cjk_bpe":
        return CjkBpeSplitter(bpe_model or b"", config.non_lang_syms)
    splitter = BpeSplitter(bpe_model or b"")
    difference = set(splitter.symbols()) ^ set(units[len(SPECIAL_UNITS) :])
    if difference:
        raise InputError(
            f"units.txt and bpe.model do not belong together: only one of them contains "
            f"'{min(difference)}'"
        )
    return splitter
