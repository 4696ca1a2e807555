"""Units that are characters or whole non-linguistic symbols."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.text.characters import CharSplitter, read_non_lang_syms
from moeasr.text.normalize import SPACE_UNIT as SPACE


def test_symbols_stay_whole_and_longest_wins() -> None:
    splitter = CharSplitter(["<n>", "<n><n>", "[laugh]"])
    text = "a <n><n>b<unk> [laugh] <x>"
    units = ["a", SPACE, "<n><n>", "b", "<unk>", SPACE, "[laugh]", SPACE, "<", "x", ">"]
    assert splitter.split(text) == units
    assert splitter.join(units) == text


def test_empty_text_has_no_units() -> None:
    assert CharSplitter().split("") == []
    assert CharSplitter().join([]) == ""


def test_join_cleans_spaces() -> None:
    assert CharSplitter().join([SPACE, "a", SPACE, SPACE, "b", SPACE]) == "a b"


def test_symbol_file(tmp_path: Path) -> None:
    path = tmp_path / "syms"
    path.write_text("<noise>\n[laugh]\n")
    assert read_non_lang_syms(path) == ["<noise>", "[laugh]"]
    path.write_text("<fide\u0301lite\u0301>\n", encoding="utf-8")
    assert read_non_lang_syms(path) == ["<fid\u00e9lit\u00e9>"]  # composed, as transcripts are
    for content, message in [
        ("<noise> 3\n", "must contain only this symbol"),
        ("<noise>\n<noise>\n", "syms, line 2"),
        ("<blank>\n", "reserved"),
        ("<sos/eos>\n", "reserved"),
        ("<two\u00a0words>\n", "the symbol '<two\u00a0words>' contains a space"),
        ("<\u00e9>\n<e\u0301>\n", "the symbol '<e\u0301>' appears twice, in two forms of Unicode"),
    ]:
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_non_lang_syms(path)
