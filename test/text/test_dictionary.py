"""Units files: order, round trip, and the file and line of each fault."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.text.dictionary import build_units, read_units, write_units
from moeasr.text.normalize import SPACE_UNIT


def test_units_in_c_order_and_round_trip(tmp_path: Path) -> None:
    symbols = ["b", "A", "B", "a", SPACE_UNIT, "\u00e9", "b", "<unk>", "'", "\U0001f600", "\uffe6"]
    units = build_units(symbols)
    by_bytes = sorted(set(symbols) - {"<unk>"}, key=lambda symbol: symbol.encode())
    assert units == ["<blank>", "<unk>", "<sos/eos>", *by_bytes]
    write_units(tmp_path / "units.txt", units)
    lines = (tmp_path / "units.txt").read_text(encoding="utf-8").split("\n")
    assert lines[:5] == ["<blank> 0", "<unk> 1", "<sos/eos> 2", "' 3", "A 4"]
    assert read_units(tmp_path / "units.txt") == units


@pytest.mark.parametrize("reserved", ["<blank>", "<sos/eos>"])
def test_reserved_symbols_are_refused(reserved: str) -> None:
    with pytest.raises(InputError, match="reserved"):
        build_units(["a", reserved])


@pytest.mark.parametrize("unit", ["", "a b", "a\n"])
def test_a_unit_that_could_not_be_read_is_not_written(tmp_path: Path, unit: str) -> None:
    with pytest.raises(InputError, match="units.txt: the unit '.*' must be one word"):
        write_units(tmp_path / "units.txt", [*build_units([]), unit])
    assert not (tmp_path / "units.txt").exists()


SPECIAL = "<blank> 0\n<unk> 1\n<sos/eos> 2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SPECIAL + "a 3\na 4\n", "units.txt:5: symbol 'a' already appears on line 4"),
        (SPECIAL + "a 3\nb 5\n", "units.txt:5: the id of 'b' must be 4, but is 5"),
        (SPECIAL + "a 3\nb 3\n", "units.txt:5: the id of 'b' must be 4, but is 3"),
        (SPECIAL + "a\n", "units.txt:4: must be `symbol id`"),
        (SPECIAL + "a 3 x\n", "units.txt:4: must be `symbol id`"),
        (SPECIAL + "a -3\n", "units.txt:4: must be `symbol id`"),
        (SPECIAL + "\n", "units.txt:4: must be `symbol id`"),
        (SPECIAL + "a 3\r\n", "units.txt:4: contains a carriage return"),
        ("<blank> 0\n<unk> 1\na 2\n<sos/eos> 3\n", "units.txt:3: the first units must be"),
        ("<blank> 0\n<unk> 1\n", "ends before the unit '<sos/eos>'"),
        ("", "is empty"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "units.txt"
    path.write_bytes(content.encode())
    with pytest.raises(InputError, match=message):
        read_units(path)
