"""Conversion of symbols to integers and back."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.symbols import MAX_WARNINGS, IntegersToSymbols, SymbolsToIntegers, read_symbols

ALL = slice(None)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "words.txt").write_text("<eps> 0\nONE 1\nTWO 22\n<unk> 3\n")
    return str(tmp_path / "words.txt")


def test_fields_become_integers_and_symbols_again(path):
    table = read_symbols(path)
    assert table == {b"<eps>": 0, b"ONE": 1, b"TWO": 22, b"<unk>": 3}
    assert SymbolsToIntegers(table, ALL, None).convert(b"ONE  TWO\tONE") == b"1 22 1"
    assert SymbolsToIntegers(table, slice(1, None), None).convert(b"utt TWO") == b"utt 22"
    assert IntegersToSymbols(path, slice(1, None)).convert(b"utt 22 1") == b"utt TWO ONE "


@pytest.mark.parametrize("oov", ["<unk>", "3"])
def test_unknown_symbols_are_replaced_counted_and_named_at_first(path, oov, capsys):
    mapper = SymbolsToIntegers(read_symbols(path), ALL, oov)
    assert mapper.convert(b"ONE SIX") == b"1 3"
    mapper.convert(b"X " * 30)
    assert mapper.num_replaced == 31
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "sym2int.pl: replacing SIX with 3"
    assert len(lines) == MAX_WARNINGS + 1


def test_faults(path, tmp_path):
    table = read_symbols(path)
    with pytest.raises(InputError, match=r"^undefined symbol SIX \(in position 2\)$"):
        SymbolsToIntegers(table, ALL, None).convert(b"ONE SIX")
    with pytest.raises(InputError, match="^the OOV symbol <oov> is not in the symbol table$"):
        SymbolsToIntegers(table, ALL, "<oov>")
    back = IntegersToSymbols(path, ALL)
    with pytest.raises(InputError, match=r"^x is not an integer \(in position 1\)$"):
        back.convert(b"x 1")
    with pytest.raises(InputError, match="^integer 9 is not in the symbol table "):
        back.convert(b"9")
    (tmp_path / "bad").write_text("a 1\nb x\n")
    with pytest.raises(InputError, match="bad, line 2: 'x' is not an integer"):
        read_symbols(str(tmp_path / "bad"))
