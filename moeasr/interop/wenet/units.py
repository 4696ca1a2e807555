"""WeNet's units and ours: ours begin with <blank> <unk> <sos/eos>, WeNet's may lie anywhere."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.interop.wenet.settings import UnitSettings
from moeasr.text.dictionary import BLANK, SOS_EOS, UNK
from moeasr.text.fields import SPACES, split_fields
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig
from moeasr.text.transcript import read_lines

NON_LANG_SYM = re.compile(r"\[[^\[\]]+\]|<[^<>]+>|{[^{}]+}")
"""What WeNet takes for a non-linguistic symbol."""
BY_UNIT = re.compile(r"ctc\.project\.\w+|(reverse_)?decoder\.(embedding|project)\.\w+")
"""Weights of ours that have a row for each unit."""


class Units(NamedTuple):
    """The units of a WeNet directory."""

    tokenizer: Tokenizer
    """Ours."""
    order: list[int]
    """WeNet's id of each of our units."""


def read_units(model_dir: Path, settings: UnitSettings) -> Units:
    """Read the units file, and what it takes to split text into them.

    Raises:
        InputError: A file is missing; ids are not 0 to V - 1, or V is not the model's; there is no
            unit for unknown symbols.
    """
    path = model_dir / settings.symbol_table
    if not path.is_file():
        path = model_dir / "units.txt"
    symbols = _read_symbols(path)
    if len(symbols) != settings.vocab_size:
        raise InputError(
            f"{path} has {len(symbols)} units, but the train.yaml's 'output_dim' is "
            f"{settings.vocab_size}"
        )
    if UNK not in symbols:
        raise InputError(f"{path} has no unit '{UNK}' for unknown symbols")
    special = [settings.blank_id, symbols.index(UNK), settings.sos_eos_id]
    if len(set(special)) < 3 or max(special) >= len(symbols):
        raise InputError(
            f"{path}: the ids of blank, '{UNK}' and <sos/eos>, {special}, must be three of 0 to "
            f"{len(symbols) - 1}"
        )
    order = special + [i for i in range(len(symbols)) if i not in special]
    units = [BLANK, UNK, SOS_EOS, *(symbols[i] for i in order[3:])]
    for reserved in (BLANK, SOS_EOS):
        if units.count(reserved) > 1:
            raise InputError(
                f"{path}: '{reserved}' has id {symbols.index(reserved)}, but in the train.yaml "
                "another id is its"
            )
    non_lang_syms = []
    if settings.non_lang_syms is not None:
        lines = read_lines(_existing(model_dir / settings.non_lang_syms))
        non_lang_syms = [line.strip(SPACES + "\r") for _, line in lines]
    bpe_model = None
    if settings.kind == "bpe":
        if settings.bpe_model is None:
            raise InputError(f"{model_dir}/train.yaml: 'tokenizer_conf.bpe_path' is missing")
        bpe_model = _existing(model_dir / settings.bpe_model).read_bytes()
    kind = "cjk_bpe" if settings.kind == "bpe" else settings.kind
    config = TokenizerConfig(type=kind, non_lang_syms=tuple(non_lang_syms))
    try:
        return Units(Tokenizer(config, units, bpe_model), order)
    except InputError as error:
        raise InputError(f"{model_dir}: {error}") from None


def reorder(state: Mapping[str, Tensor], order: Sequence[int]) -> dict[str, Tensor]:
    """Weights of ours whose rows are in WeNet's order of units, put into ours."""
    index = torch.tensor(order)
    return {
        name: tensor[index] if BY_UNIT.fullmatch(name) else tensor for name, tensor in state.items()
    }


def check_non_lang_syms(tokenizer: Tokenizer) -> None:
    """Make sure that WeNet would know each as one unit.

    Raises:
        InputError: It would split one.
    """
    for symbol in tokenizer.config.non_lang_syms:
        if not NON_LANG_SYM.fullmatch(symbol):
            raise InputError(
                f"WeNet cannot express the non-linguistic symbol '{symbol}': only [x], <x> or {{x}}"
            )


def _read_symbols(path: Path) -> list[str]:
    """The symbols in the order of their ids."""
    symbol_of: dict[int, str] = {}
    for number, line in read_lines(_existing(path)):
        fields = split_fields(line)
        if len(fields) != 2 or not fields[1].isdecimal():
            raise InputError(f"{path}:{number}: must be `symbol id`")
        if int(fields[1]) in symbol_of or fields[0] in symbol_of.values():
            raise InputError(f"{path}:{number}: '{fields[0]}' or its id is there already")
        symbol_of[int(fields[1])] = fields[0]
    if sorted(symbol_of) != list(range(len(symbol_of))):
        raise InputError(f"{path}: the ids must be 0 to {len(symbol_of) - 1}, each once")
    return [symbol_of[i] for i in range(len(symbol_of))]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    return path
