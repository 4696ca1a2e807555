"""Reading WeNet's units file."""

from moeasr.interop.wenet.units import _read_symbols


def test_a_unit_may_be_a_space_of_another_kind(tmp_path):
    path = tmp_path / "units.txt"
    path.write_text("<blank> 0\n\u3000 1\na\u00a0b\t2\n", encoding="utf-8")
    assert _read_symbols(path) == ["<blank>", "\u3000", "a\u00a0b"]
