"""Tokenizers with the units of an older one and those of further texts."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from moeasr.errors import InputError
from moeasr.text.bpe import BpeSplitter, extend_bpe
from moeasr.text.dictionary import SPECIAL_UNITS, build_units
from moeasr.text.tokenizer import Tokenizer


def read_tokenizer(path: str | Path) -> Tokenizer:
    """Return the tokenizer of a dictionary directory, a checkpoint or an experiment directory.

    Raises:
        InputError: There is no dictionary or checkpoint, or a file is malformed.
    """
    if not Path(path).is_file() and not any(Path(path).glob("*.pt")):
        return Tokenizer.from_dir(path)
    from moeasr import checkpoint  # imports torch

    return Tokenizer.from_state(checkpoint.load_with_model(path)["tokenizer"])


def extend_tokenizer(
    old: Tokenizer, texts: Sequence[str], non_lang_syms: Sequence[str] = ()
) -> Tokenizer:
    """Return a tokenizer with all units of `old` under their ids, and new units after them.

    The new units are the characters or words of `texts` that `old` does not know. A BPE model gets
    them as single characters, because its pieces come from its training: they cannot be merged.

    Args:
        old: The tokenizer to extend.
        texts: Normalised transcripts.
        non_lang_syms: Symbols that are one unit each, in addition to those of `old`. BPE includes
            all of them, and other types include those that appear in the texts.

    Raises:
        InputError: There is no text, a reserved unit is among its symbols, or a symbol is a piece
            of the BPE model.
    """
    if not any(texts):
        raise InputError("there is no text from which to build units")
    state = old.state()
    symbols = [symbol for symbol in non_lang_syms if symbol not in state["non_lang_syms"]]
    state["non_lang_syms"] += symbols
    if state["bpe_model"] is not None:
        pieces = set(BpeSplitter(state["bpe_model"]).symbols())
        known = next((symbol for symbol in symbols if symbol in pieces), None)
        if known is not None:
            raise InputError(f"the symbol {known} is a piece of the BPE model already")
        state["bpe_model"] = extend_bpe(state["bpe_model"], [], symbols)
        state["units"] += _new_units(set(symbols) - set(state["units"]))
    unknown = {symbol for text in texts for symbol in Tokenizer.from_state(state).unknown(text)}
    if state["bpe_model"] is not None:
        # Pieces that the old units lack, as in models of WeNet, become units. A run of characters
        # that the model does not know is one symbol.
        characters = {character for run in unknown - pieces for character in run}
        state["bpe_model"] = extend_bpe(state["bpe_model"], _new_units(characters - pieces))
        unknown = (unknown & pieces | characters) - set(state["units"])
    state["units"] += _new_units(unknown)
    return Tokenizer.from_state(state)


def _new_units(symbols: Iterable[str]) -> list[str]:
    """Return symbols in the order of a dictionary, without the special units."""
    return build_units(symbols)[len(SPECIAL_UNITS) :]
