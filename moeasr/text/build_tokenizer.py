"""Tokenizers built from transcripts, and the share of a text that their units cover."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.text.bpe import BpeSplitter, train_bpe
from moeasr.text.characters import CharSplitter
from moeasr.text.dictionary import SPECIAL_UNITS, UNK, build_units
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig, UnitType
from moeasr.text.words import WordSplitter

MAX_UNKNOWN = 10
"""Maximum number of units missing in the dictionary that are printed."""


@dataclasses.dataclass(frozen=True)
class Coverage:
    """The share of a text for which a tokenizer has units."""

    num_utts: int
    """Number of transcripts, including empty ones."""
    num_units: int
    """Number of units in the transcripts, with repetitions and including unknown ones."""
    unknown: Counter[str]
    """Symbols of the transcripts that have no unit, with their counts."""

    @property
    def percent(self) -> float:
        """Percentage of the units in the transcripts that are known; 100 for an empty text."""
        known = self.num_units - self.unknown.total()
        return 100.0 * known / self.num_units if self.num_units else 100.0

    def describe(self) -> str:
        """Return how many units of the transcripts are in the dictionary, and which are not."""
        sizes = f"{counted(self.num_utts, 'utterance')}, {counted(self.num_units, 'unit')}"
        num_unknown = self.unknown.total()
        if num_unknown == 0:
            return f"{sizes}, all in the dictionary"
        common = self.unknown.most_common(MAX_UNKNOWN)
        listed = ", ".join(f"{spelled(unit)} ({counted(count, 'time')})" for unit, count in common)
        more = ", ..." if len(self.unknown) > len(common) else ""
        share = 100 - self.percent
        return f"{sizes}, of which {num_unknown} ({share:.2f} %) become <unk>: {listed}{more}"


def spelled(unit: str) -> str:
    """Return a unit with the code points of its invisible characters, such as U+200B."""
    return "".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in unit)


def build_tokenizer(
    texts: Sequence[str],
    unit_type: UnitType,
    vocab_size: int | None = None,
    non_lang_syms: Sequence[str] = (),
) -> Tokenizer:
    """Build a tokenizer with the units of a corpus.

    Args:
        texts: Normalised transcripts of the training set.
        unit_type: `char`, `bpe` or `word`.
        vocab_size: Number of units, including the three special ones. BPE requires it and gives
            exactly this number. For characters and words it is an upper bound: the most frequent
            units are kept. None keeps all of them.
        non_lang_syms: Symbols that are one unit each. BPE includes all of them, and other types
            include those that appear in the texts.

    Raises:
        InputError: There is no text, or the vocabulary size is missing or impossible.
    """
    config = TokenizerConfig(type=unit_type, non_lang_syms=tuple(non_lang_syms))
    if not any(texts):
        raise InputError("there is no text from which to build units")
    if vocab_size is not None and vocab_size <= len(SPECIAL_UNITS):
        raise InputError(
            f"the vocabulary size must be more than {len(SPECIAL_UNITS)}, the number of special "
            f"units, but is {vocab_size}"
        )
    if unit_type == "bpe":
        if vocab_size is None:
            raise InputError("units of type 'bpe' require a vocabulary size (--vocab-size)")
        model = train_bpe(texts, vocab_size, non_lang_syms)
        return Tokenizer(config, build_units(BpeSplitter(model).symbols()), model)
    splitter = CharSplitter(non_lang_syms) if unit_type == "char" else WordSplitter()
    counts = Counter(symbol for text in texts for symbol in splitter.split(text))
    del counts[UNK]  # already one of the special units
    kept = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
    if vocab_size is not None:
        kept = kept[: vocab_size - len(SPECIAL_UNITS)]
    return Tokenizer(config, build_units(kept))


def measure_coverage(tokenizer: Tokenizer, texts: Iterable[str]) -> Coverage:
    """Count the units in `texts`, with repetitions, and those that the tokenizer does not know."""
    num_utts = num_units = 0
    unknown: Counter[str] = Counter()
    for text in texts:
        num_utts += 1
        num_units += len(tokenizer.encode(text))
        unknown.update(tokenizer.unknown(text))
    return Coverage(num_utts, num_units, unknown)
