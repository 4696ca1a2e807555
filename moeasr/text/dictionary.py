"""Units files, whose lines `symbol id` define the id of each unit.

`<blank> 0`, `<unk> 1` and `<sos/eos> 2` come first, then the other units in C order, as in WeNet 3:

    <blank> 0
    <unk> 1
    <sos/eos> 2
    A 3
    B 4
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.text.normalize import SPACE_UNIT, find_fault
from moeasr.text_lines import read_lines

BLANK, UNK, SOS_EOS = "<blank>", "<unk>", "<sos/eos>"
SPECIAL_UNITS = (BLANK, UNK, SOS_EOS)
BLANK_ID, UNK_ID, SOS_EOS_ID = range(3)


def build_units(symbols: Iterable[str]) -> list[str]:
    """Return the list of units: the three special ones, then the distinct `symbols` in C order.

    A symbol `<unk>` is the special unit itself, with which transcripts may mark unknown words.

    Raises:
        InputError: `<blank>` or `<sos/eos>` is among the symbols.
    """
    distinct = set(symbols) - {UNK}
    for reserved in (BLANK, SOS_EOS):
        if reserved in distinct:
            raise InputError(f"'{reserved}' is reserved and cannot be a unit of the text")
    # Python compares code points, which gives the same order as the UTF-8 bytes in LC_ALL=C.
    return [*SPECIAL_UNITS, *sorted(distinct)]


def write_units(path: str | Path, units: Sequence[str]) -> None:
    """Write a units file atomically: it appears only when it is complete.

    Raises:
        InputError: A unit is empty or contains a space, and the file could not be read.
    """
    for unit in units:
        if not unit or " " in unit or "\n" in unit:
            raise InputError(f"{path}: the unit {unit!r} must be one word")
    with atomic_path(path) as temporary:
        lines = (f"{unit} {number}\n" for number, unit in enumerate(units))
        temporary.write_text("".join(lines), encoding="utf-8", newline="\n")


def read_units(path: str | Path) -> list[str]:
    """Read a units file into a list, in which the position of a unit is its id.

    Raises:
        InputError: A line is not `symbol id`, an id is out of order, a symbol is repeated, or the
            first three units are not `<blank> <unk> <sos/eos>`. The message names the file and
            line.
    """
    line_of: dict[str, int] = {}
    for number, line in read_lines(path):
        fields = line.split(" ")
        if len(fields) != 2 or not fields[0] or not fields[1].isdecimal():
            fault = find_fault(line.replace(SPACE_UNIT, "")) or "must be `symbol id`"
            raise InputError(f"{path}:{number}: {fault}")
        symbol, expected = fields[0], number - 1
        if int(fields[1]) != expected:
            raise InputError(
                f"{path}:{number}: the id of '{symbol}' must be {expected}, but is {fields[1]}"
            )
        if symbol in line_of:
            raise InputError(
                f"{path}:{number}: symbol '{symbol}' already appears on line {line_of[symbol]}"
            )
        if expected < len(SPECIAL_UNITS) and symbol != SPECIAL_UNITS[expected]:
            raise InputError(
                f"{path}:{number}: the first units must be {' '.join(SPECIAL_UNITS)}, "
                f"but this line has '{symbol}'"
            )
        line_of[symbol] = number
    if len(line_of) < len(SPECIAL_UNITS):
        missing = SPECIAL_UNITS[len(line_of)]
        raise InputError(f"units file {path} ends before the unit '{missing}'")
    return list(line_of)
