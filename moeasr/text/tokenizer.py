"""Text <-> unit ids, the same in training, decoding and export.

A tokenizer is a list of units and a way to split text into them: characters, BPE pieces or words;
or, in models that come from WeNet, Chinese characters and BPE pieces of the rest (`cjk_bpe`).
It lives in a dictionary directory (`units.txt`, `tokenizer.yaml` and, for BPE, `bpe.model`), and
travels inside every checkpoint as its `state()`, so that decoding needs no file beside it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from moeasr.atomic import atomic_path
from moeasr.config import dump_yaml, from_mapping, load_yaml
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

UnitType = Literal["char", "bpe", "word", "cjk_bpe"]
UNIT_TYPES: tuple[str, ...] = get_args(UnitType)


class Splitter(Protocol):
    """A reversible way to cut clean text into symbols."""

    def split(self, text: str) -> list[str]:
        """The symbols of a text."""
        ...

    def join(self, units: Sequence[str]) -> str:
        """The text of some symbols."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """What `tokenizer.yaml` holds."""

    type: UnitType
    """Kind of unit."""
    non_lang_syms: tuple[str, ...] = ()
    """Symbols such as `<noise>` that are one unit each (char and bpe; words are whole anyway)."""


class Tokenizer:
    """Encodes clean text as unit ids and decodes ids as text.

    `decode(encode(text)) == normalize(text)` for every text without unknown symbols; an unknown
    symbol comes back as `<unk>`.

    Args:
        config: Kind of unit.
        units: All units; the position is the id.
        bpe_model: The sentencepiece model, for BPE only.

    Raises:
        InputError: The parts do not fit each other.
    """

    def __init__(
        self, config: TokenizerConfig, units: Sequence[str], bpe_model: bytes | None = None
    ) -> None:
        if tuple(units[: len(SPECIAL_UNITS)]) != SPECIAL_UNITS:
            raise InputError(f"the first units must be {' '.join(SPECIAL_UNITS)}")
        if (bpe_model is not None) != (config.type in ("bpe", "cjk_bpe")):
            raise InputError(f"units of type '{config.type}' and a BPE model do not go together")
        self.config = config
        self.units = list(units)
        self._bpe_model = bpe_model
        self._splitter = _build_splitter(config, bpe_model, self.units)
        # Text that happens to read `<blank>` must not become the blank: it is unknown.
        self._ids = {
            unit: number
            for number, unit in enumerate(self.units)
            if number not in (BLANK_ID, SOS_EOS_ID)
        }

    @property
    def vocab_size(self) -> int:
        """Number of units, the special ones included."""
        return len(self.units)

    def encode(self, text: str) -> list[int]:
        """The unit ids of `text`, cleaned first; an unknown symbol gives the id of `<unk>`.

        Raises:
            InputError: The text holds a control character.
        """
        return [self._ids.get(symbol, UNK_ID) for symbol in self._splitter.split(normalize(text))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some unit ids; `<blank>` and `<sos/eos>` are no text and leave no trace.

        Raises:
            IndexError: An id is negative or not below `vocab_size`.
        """
        if any(number < 0 for number in ids):
            raise IndexError(f"unit ids must not be negative, but are {list(ids)}")
        units = [self.units[number] for number in ids]
        return self._splitter.join([unit for unit in units if unit not in (BLANK, SOS_EOS)])

    def words(self, ids: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Return the words of `decode(ids)`, each with the places in `ids` of its units.

        A word is one of `moeasr.text.scripts`: what spaces separate, and each character of a script
        without spaces. A unit of several such characters has a place in several words. A space
        belongs to none.
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
        """The texts of units, bytes merged, with their places in `ids`."""
        places = [n for n, number in enumerate(ids) if self.units[number] not in (BLANK, SOS_EOS)]
        units = [self.units[ids[place]] for place in places]
        if self._bpe_model is None:
            return [(unit, [place]) for unit, place in zip(units, places)]
        return [(text, [places[n] for n in own]) for text, own in merge_bytes(units)]

    def unknown(self, text: str) -> list[str]:
        """The symbols of `text` that no unit stands for, in order, repeats kept.

        A literal `<unk>` is not among them: the transcript says so itself.
        """
        symbols = self._splitter.split(normalize(text))
        return [symbol for symbol in symbols if symbol not in self._ids]

    def state(self) -> dict[str, Any]:
        """All there is to it, as plain types and bytes: what a checkpoint stores."""
        return {
            "type": self.config.type,
            "non_lang_syms": list(self.config.non_lang_syms),
            "units": list(self.units),
            "bpe_model": self._bpe_model,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Tokenizer":
        """The tokenizer whose `state()` this is.

        Raises:
            InputError: It is no such state.
        """
        expected = {"type", "non_lang_syms", "units", "bpe_model"}
        if set(state) != expected:
            raise InputError(
                f"a tokenizer's state must hold {', '.join(sorted(expected))}, "
                f"but holds {', '.join(sorted(state))}"
            )
        settings = {"type": state["type"], "non_lang_syms": state["non_lang_syms"]}
        config = from_mapping(TokenizerConfig, settings, "tokenizer state")
        return cls(config, state["units"], state["bpe_model"])

    @classmethod
    def from_dir(cls, dict_dir: str | Path) -> "Tokenizer":
        """The tokenizer of a dictionary directory.

        Raises:
            InputError: A file is missing or wrong; the sentence names it.
        """
        dict_dir = Path(dict_dir)
        config_path, model_path = dict_dir / "tokenizer.yaml", dict_dir / "bpe.model"
        if not config_path.is_file():
            raise InputError(f"{config_path} does not exist; make_dict writes it")
        config = from_mapping(TokenizerConfig, load_yaml(config_path), config_path)
        units = read_units(dict_dir / "units.txt")
        model = None
        if config.type in ("bpe", "cjk_bpe"):
            if not model_path.is_file():
                raise InputError(f"{model_path} does not exist; make_dict writes it")
            model = model_path.read_bytes()
        try:
            return cls(config, units, model)
        except InputError as error:
            raise InputError(f"dictionary directory {dict_dir}: {error}") from None

    def save(self, dict_dir: str | Path) -> None:
        """Write the dictionary directory; `tokenizer.yaml` comes last and marks it complete."""
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
            f"units.txt and bpe.model do not belong together: only one of them has "
            f"'{min(difference)}'"
        )
    return splitter
