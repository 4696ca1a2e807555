"""sym2int.pl and int2sym.pl; what is expected is what Kaldi's scripts print."""

import pytest

WORDS = "<eps> 0\nONE 1\nTWO 2\n\u4f60 3\n<unk> 4\n"


@pytest.fixture
def words(call):
    (call.cwd / "words.txt").write_text(WORDS, encoding="utf-8")


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(
    ("options", "line", "expected"),
    [
        ([], "ONE  TWO\t\u4f60 ", "1 2 3"),
        (["-f", "2-"], "ONE ONE TWO", "ONE 1 2"),
        (["-f", "2"], "utt ONE other", "utt 1 other"),
        (["-f", "1:2"], "ONE TWO other", "1 2 other"),
        (["--map-oov", "<unk>", "-f", "2-"], "utt SIX ONE", "utt 4 1"),
        (["-f", "2-", "--map-oov", "9"], "utt SIX ONE", "utt 9 1"),
        ([], "", ""),
    ],
)
def test_symbols_become_integers(call, options, line, expected):
    done = call("sym2int.pl", *options, "words.txt", stdin=f"{line}\n")
    assert (done.returncode, done.stdout) == (0, f"{expected}\n"), done.stderr


@pytest.mark.usefixtures("words")
def test_unknown_symbols_are_named_twenty_times_and_counted(call):
    (call.cwd / "text").write_text("SIX\n" * 25)
    done = call("sym2int.pl", "--map-oov", "<unk>", "words.txt", "text")
    assert done.stdout == "4\n" * 25
    lines = done.stderr.splitlines()
    assert lines[:20] == ["sym2int.pl: replacing SIX with 4"] * 20
    assert lines[20:] == [
        "sym2int.pl: no further warnings about unknown symbols",
        "sym2int.pl: replaced 25 unknown symbols by 4",
    ]


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["words.txt", "text"], "undefined symbol SIX (in position 2) (text, line 2)"),
        (["--map-oov", "SIX", "words.txt"], "the OOV symbol SIX is not in the symbol table"),
        (["--map-oov", "words.txt", "text"], "the option --map-oov requires a symbol"),
        (["--map-oov", "-f", "2-"], "the option --map-oov requires a symbol"),
        (["-f", "0", "words.txt"], "Bad argument to -f option: 0"),
        (["nowhere"], "sym2int.pl: no such file nowhere"),
        (["text"], "text, line 1: has 1 field instead of 2"),
        (["bad", "text"], "bad, line 1: 'x' is not an integer"),
        ([], "Usage: sym2int.pl"),
    ],
)
def test_errors_of_sym2int(call, arguments, message):
    (call.cwd / "text").write_text("ONE\nONE SIX\n")
    (call.cwd / "bad").write_text("ONE x\n")
    done = call("sym2int.pl", *arguments)
    assert done.returncode != 0 and message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.usefixtures("words")
def test_integers_become_symbols_again(call):
    (call.cwd / "integers").write_text("1 2  3\nu 0\n")
    done = call("int2sym.pl", "-f", "2-", "words.txt", "integers")
    assert done.stdout == "1 TWO \u4f60 \nu <eps> \n"
    assert call("int2sym.pl", "words.txt", stdin="1\n\n").stdout == "ONE \n\n"


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 x", "int2sym.pl: x is not an integer (in position 2) (-, line 1)"),
        ("7", "int2sym.pl: integer 7 is not in the symbol table words.txt (-, line 1)"),
    ],
)
def test_errors_of_int2sym(call, line, message):
    done = call("int2sym.pl", "words.txt", stdin=f"{line}\n")
    assert (done.returncode, done.stderr) == (1, f"{message}\n")
    assert call("int2sym.pl").stderr.startswith("Usage: int2sym.pl")
