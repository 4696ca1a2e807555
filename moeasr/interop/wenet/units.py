"""Conversion of WeNet's units to ours, which begin with the special units <blank> <unk> <sos/eos>.

WeNet's special units may have any id.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.fields import SPACES, split_fields
from moeasr.interop.wenet.data_settings import UnitSettings
from moeasr.plurals import counted
from moeasr.text.bpe import BpeSplitter
from moeasr.text.cjk_bpe import HAN
from moeasr.text.dictionary import BLANK, SOS_EOS, SPECIAL_UNITS, UNK
from moeasr.text.normalize import SPACE_UNIT, normalize
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig
from moeasr.text_lines import read_lines

NON_LANG_SYM = re.compile(r"\[[^\[\]]+\]|<[^<>]+>|{[^{}]+}")
"""Pattern of WeNet's non-linguistic symbols."""
BY_UNIT = re.compile(r"ctc\.project\.\w+|(reverse_)?decoder\.(embedding|project)\.\w+")
"""Pattern of our weights that have one row per unit."""
OLD_SPACE = "<space>"  # WeNet 1's unit for the space, from ESPnet


class Units(NamedTuple):
    """The units of a WeNet directory."""

    tokenizer: Tokenizer
    """Our tokenizer."""
    order: list[int]
    """WeNet's id of each of our units."""


def read_units(model_dir: Path, settings: UnitSettings, bpe_model: Path | None = None) -> Units:
    """Read the units file, and build the tokenizer that splits text into these units.

    Args:
        model_dir: The model directory.
        settings: Settings of units in train.yaml.
        bpe_model: The sentencepiece model of BPE units. By default, the file that train.yaml names,
            or else the only `.model` file in the directory.

    Raises:
        InputError: A file is missing; the ids are not 0 to V - 1, or V is not that of the model;
            the unit for unknown symbols is missing; or the kind of the units contradicts train.yaml
            or cannot be determined.
    """
    path = model_dir / settings.symbol_table
    if not path.is_file():
        path = model_dir / "units.txt"
    if not path.is_file():
        raise InputError(
            f"{path} does not exist; copy the units file of the training to this path (WeNet's "
            "--symbol_table, often data/dict/lang_char.txt)"
        )
    symbols = _read_symbols(path)
    if len(symbols) != settings.vocab_size:
        raise InputError(
            f"{path} has {len(symbols)} units, but 'output_dim' in train.yaml is "
            f"{settings.vocab_size}"
        )
    if UNK not in symbols:
        raise InputError(f"{path} has no unit '{UNK}' for unknown symbols")
    special = [settings.blank_id, symbols.index(UNK), settings.sos_eos_id]
    if len(set(special)) < 3 or max(special) >= len(symbols):
        raise InputError(
            f"{path}: the ids of blank, '{UNK}' and <sos/eos> must be different and between 0 and "
            f"{len(symbols) - 1}, but are {special}"
        )
    order = special + [i for i in range(len(symbols)) if i not in special]
    units = [BLANK, UNK, SOS_EOS, *(symbols[i] for i in order[3:])]
    for reserved in (BLANK, SOS_EOS):
        if units.count(reserved) > 1:
            raise InputError(
                f"{path}: '{reserved}' has id {symbols.index(reserved)}, but train.yaml gives it "
                "another id"
            )
    non_lang_syms = []
    if settings.non_lang_syms is not None:
        source = _existing(model_dir / settings.non_lang_syms)
        lines = read_lines(source) if source.stat().st_size else ()
        stripped = (line.strip(SPACES + "\r") for _, line in lines)
        non_lang_syms = [normalize(symbol) for symbol in stripped if symbol]
    kind = _kind(units[3:], settings, bpe_model is not None, path)
    model = None
    if kind == "bpe":
        model_path = _bpe_model(model_dir, settings, bpe_model)
        model = model_path.read_bytes()
        _check_pieces(units[3:], model, model_path, path)
    elif kind == "char" and OLD_SPACE in units and SPACE_UNIT not in units:
        units[units.index(OLD_SPACE)] = SPACE_UNIT
    config = TokenizerConfig(
        type="cjk_bpe" if kind == "bpe" else kind, non_lang_syms=tuple(non_lang_syms)
    )
    try:
        return Units(Tokenizer(config, units, model), order)
    except InputError as error:
        raise InputError(f"{model_dir}: {error}") from None


def _kind(
    units: Sequence[str], settings: UnitSettings, has_bpe_model: bool, path: Path
) -> Literal["char", "bpe", "word"]:
    """Return the kind of the units.

    Args:
        units: All units except the special ones.
        settings: Settings of units in train.yaml. In WeNet 1 and 2, they do not tell whether units
            are characters or BPE pieces, which was an option of the training command.
        has_bpe_model: True if the user gave a BPE model.
        path: The units file, for messages.
    """
    known = settings.kind
    if has_bpe_model and known == "char":
        raise InputError(
            f"according to {path.parent}/train.yaml, units are characters (`tokenizer: char`) and "
            "have no BPE model; omit --bpe-model"
        )
    if has_bpe_model or known == "bpe":
        return "bpe"
    if known == "word" and not any(_is_word_piece(unit) for unit in units):
        return "word"
    if known != "char" and any(_is_word_piece(unit) for unit in units):
        return "bpe"
    longer = [unit for unit in units if len(unit) > 1 and not NON_LANG_SYM.fullmatch(unit)]
    if longer:
        section = "tokenizer_conf" if known == "char" else "dataset_conf"
        bpe = "`tokenizer: bpe`" if known == "char" else "--bpe-model"
        others = counted(len(longer) - 1, "other unit")
        raise InputError(
            f"{path}: '{longer[0]}' and {others} are longer than a character. If they are "
            f"words, set `{section}.split_with_space: true` in train.yaml. If they are BPE pieces, "
            f"use {bpe}"
        )
    return "char"


def _is_word_piece(unit: str) -> bool:
    """Return whether a unit is a BPE piece at the beginning of a word."""
    return len(unit) > 1 and unit.startswith(SPACE_UNIT)


def _bpe_model(model_dir: Path, settings: UnitSettings, given: Path | None) -> Path:
    """Return the path of the sentencepiece model."""
    if given is not None:
        return _existing(given)
    if settings.bpe_model is not None and (model_dir / settings.bpe_model).is_file():
        return model_dir / settings.bpe_model
    found = sorted(model_dir.glob("*.model"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        wanted = f" named {settings.bpe_model}" if settings.bpe_model is not None else ""
        raise InputError(
            f"{model_dir}: the units are BPE pieces and need the sentencepiece model{wanted}; "
            f"give its path by --bpe-model (`.model` files in the directory: {names})"
        )
    return found[0]


def _check_pieces(units: Sequence[str], model: bytes, model_path: Path, path: Path) -> None:
    """Raise `InputError` unless the BPE model contains the units."""
    try:
        pieces = set(BpeSplitter(model).symbols())
    except InputError as error:
        raise InputError(f"{model_path}: {error}") from None
    strangers = [unit for unit in units if _is_word_piece(unit) and unit not in pieces]
    if strangers:
        others = counted(len(strangers) - 1, "other unit")
        raise InputError(
            f"{path}: '{strangers[0]}' and {others} are not in "
            f"{model_path}, which probably belongs to another model"
        )


def reorder(state: Mapping[str, Tensor], order: Sequence[int]) -> dict[str, Tensor]:
    """Reorder the rows of our weights from WeNet's order of units to ours."""
    index = torch.tensor(order)
    return {
        name: tensor[index] if BY_UNIT.fullmatch(name) else tensor for name, tensor in state.items()
    }


def check_non_lang_syms(tokenizer: Tokenizer) -> None:
    """Raise `InputError` if WeNet would split a non-linguistic symbol."""
    for symbol in tokenizer.config.non_lang_syms:
        if not NON_LANG_SYM.fullmatch(symbol):
            raise InputError(
                f"WeNet does not support the non-linguistic symbol '{symbol}', which must have the "
                "form [x], <x> or {x}"
            )


def units_wenet_never_makes(tokenizer: Tokenizer) -> list[str]:
    """Return the units into which WeNet never splits a text, in the order of their ids.

    WeNet converts all text to capitals if the units are BPE pieces, or if there are non-linguistic
    symbols. If the units are BPE pieces, it also separates Chinese characters.
    """
    has_bpe = tokenizer.config.type in ("bpe", "cjk_bpe")
    lost = []
    for unit in tokenizer.units[len(SPECIAL_UNITS) :]:
        in_capitals = has_bpe or bool(tokenizer.config.non_lang_syms)
        if (in_capitals and unit != unit.upper()) or (
            has_bpe and len(unit) > 1 and HAN.search(unit)
        ):
            lost.append(unit)
    return lost


def _read_symbols(path: Path) -> list[str]:
    """Read the symbols in the order of their ids."""
    symbol_of: dict[int, str] = {}
    for number, line in read_lines(_existing(path)):
        fields = split_fields(line)
        if len(fields) != 2 or not fields[1].isdecimal():
            raise InputError(f"{path}:{number}: must be `symbol id`")
        if int(fields[1]) in symbol_of or fields[0] in symbol_of.values():
            raise InputError(f"{path}:{number}: '{fields[0]}' or its id appears twice")
        symbol_of[int(fields[1])] = fields[0]
    if sorted(symbol_of) != list(range(len(symbol_of))):
        raise InputError(f"{path}: the ids must be 0 to {len(symbol_of) - 1}, each once")
    return [symbol_of[i] for i in range(len(symbol_of))]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    return path
