"""ARPA files, valid and invalid."""

import gzip
import itertools
import math

import pytest

from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa
from moeasr.text.perplexity import log_prob_after

GOOD = """A comment, in which even
\\1-grams:
may stand.

\\data\\
ngram 1=5
ngram  2 = 3
ngram 3=1

\\1-grams:
-99 <S> -0.3
-0.8\t</s>
-0.5 ONE -0.2
-0.7 caf\u00e9 0.1
-2 <UNK>

\\2-grams:
-0.1 <s> ONE -0.05
-0.4 ONE </s>
-inf caf\u00e9 ONE

\\3-grams:
-0.2 <s> ONE </s>

\\end\\
anything"""


def write(tmp_path, text):
    path = tmp_path / "x.lm"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_number_is_a_natural_logarithm(tmp_path):
    model = read_arpa(write(tmp_path, GOOD))
    assert model.words == ("<s>", "</s>", "ONE", "caf\u00e9", "<unk>")
    assert model.order == 3
    named = {
        " ".join(model.words[number] for number in key): [x / math.log(10) for x in ngram]
        for section in model.ngrams
        for key, ngram in section.items()
    }
    assert named == {
        key: pytest.approx(values)
        for key, values in {
            "<s>": [-99, -0.3],
            "</s>": [-0.8, 0],
            "ONE": [-0.5, -0.2],
            "caf\u00e9": [-0.7, 0.1],
            "<unk>": [-2, 0],
            "<s> ONE": [-0.1, -0.05],
            "ONE </s>": [-0.4, 0],
            "caf\u00e9 ONE": [-99, 0],
            "<s> ONE </s>": [-0.2, 0],
        }.items()
    }


def test_a_gzipped_file_is_the_same(tmp_path):
    path = tmp_path / "x.lm.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_arpa(path) == read_arpa(write(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"x\.lm is not an ARPA language model"),
        ("ngram  2 = 3", "ngram 3=3", r"x\.lm:7: expected `ngram 2=COUNT`"),
        ("ngram 1=5\nngram  2 = 3\nngram 3=1\n\n\\1-grams:", "", r"x\.lm:7: expected `ngram 1="),
        ("-0.5 ONE -0.2", "-0.5 ONE -0.2 3", r"x\.lm:13: a 1-gram must be a logarithm"),
        ("-0.5 ONE -0.2", "-0.5 ONE x", r"x\.lm:13: the logarithms in '-0.5 ONE x'"),
        ("-0.5 ONE", "0.5 ONE", r"x\.lm:13: log10 of a probability must be 0 or less, but is 0.5"),
        (
            "-0.5 ONE -0.2",
            "-0.5 ONE nan",
            r"x\.lm:13: the back-off weight must be finite, but is nan",
        ),
        ("-0.5 ONE", "nan ONE", r"x\.lm:13: log10 of a probability"),
        ("-0.7 caf\u00e9", "-0.7 ONE", r"x\.lm:14: this 1-gram appears twice"),
        ("<s> ONE </s>", "<s> TWO </s>", r"x\.lm:23: word 'TWO' is not among the 1-grams"),
        ("-0.4 ONE </s>", "-0.1 <S> ONE", r"x\.lm:19: this 2-gram appears twice"),
        ("-0.7 caf\u00e9", "-1 <unk>", r"x\.lm:15: `<unk>` and `<UNK>` are the same word"),
        ("-0.8\t</s>", "-1 cafe\u0301", r"x\.lm:14: 'caf\u00e9' appears twice, .*NFC and NFD"),
        ("A comment", "\ufeffA comment", r"x\.lm:1: begins with a byte order mark; remove it"),
        (
            "0.2 <s> ONE",
            "0.2 <s> ONE\u3000",
            r"x\.lm:23: .* contains the space U\+3000 \(ideographic",
        ),
        (
            "-0.5 ONE",
            "-0.5 O\u00a0N",
            r"x\.lm:13: word 'O\u00a0N' contains the space U\+00A0 \(no-b",
        ),
        ("-0.5 ONE", "-0.5 O\u0085N", r"x\.lm:13: .*U\+0085"),
        ("-0.4 ONE </s>\n", "", r"x\.lm:21: `\\data\\` announces 3 2-grams, but there are only 2"),
        (
            "-inf",
            "-1 ONE <unk>\n-inf",
            r"x\.lm:21: expected `\\3-grams:` after the number of 2-grams",
        ),
        ("\\end\\\nanything", "", r"x\.lm: `\\end\\` must follow the 3-grams"),
        ("<S>", "S", r"x\.lm:18: word '<s>' is not among"),
        ("</s>", "E", r"x\.lm: the 1-grams lack `</s>`"),
        ("ONE -0.2", "ON\u2028\ufeffE -0.2", r"x\.lm:13: "),
    ],
)
def test_a_fault_is_named_by_file_and_line(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(InputError, match=message):
        read_arpa(write(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize("with_heading", [True, False])
def test_a_length_without_ngrams_is_warned_of(tmp_path, caplog, with_heading):
    heading = "\\3-grams:\n" if with_heading else ""
    start = GOOD.index("\\3-grams")
    model = read_arpa(
        write(tmp_path, GOOD[:start].replace("ngram 3=1", "ngram 3=0") + heading + "\\end\\")
    )
    assert [len(section) for section in model.ngrams] == [5, 3]
    assert model.ngrams == read_arpa(write(tmp_path, GOOD)).ngrams[:2]
    assert "x.lm: `ngram 3=0`: there are no 3-grams" in caplog.text


ORPHANS = """\\data\\
ngram 1=4
ngram 2=1
ngram 3=0
ngram 4=2

\\1-grams:
-1.5 <s> -0.3
-0.8 </s>
-0.5 A -0.2
-0.7 B 0.1

\\2-grams:
-0.4 A B -0.25

\\4-grams:
-0.1 <s> A B A
-0.2 B A B </s>

\\end\\
"""


def test_ngrams_without_their_history_keep_all_probabilities(tmp_path, caplog):
    """The reference is the format's recursion over the lines of the file."""
    model = read_arpa(write(tmp_path, ORPHANS))
    assert "not listed (4 histories, e.g." in caplog.text
    assert [len(section) for section in model.ngrams] == [4, 3, 2, 2]
    rows = [line.split() for line in ORPHANS.splitlines() if line.startswith("-")]
    table = {}
    for first, *rest in rows:
        words = [x for x in rest if not x[-1].isdigit()]
        table[tuple(words)] = (float(first), float(rest[-1]) if len(rest) > len(words) else 0.0)

    def log10_prob(history, word):
        if (*history, word) in table:
            return table[(*history, word)][0]
        return table.get(history, (0.0, 0.0))[1] + log10_prob(history[1:], word)

    names = ["A", "B", "</s>"]
    histories = [()] + [
        h for n in (1, 2, 3) for h in itertools.product(["<s>", "A", "B"], repeat=n)
    ]
    numbers = {word: number for number, word in enumerate(model.words)}
    for history in histories:
        for word in names:
            found = log_prob_after(model, [numbers[w] for w in history], numbers[word])
            assert found / math.log(10) == pytest.approx(log10_prob(history, word), abs=1e-12)


def test_only_plain_spaces_separate_fields(tmp_path):
    text = GOOD.replace("ONE", "ON\u00b7E").replace(" -0.2", "  \t -0.2").replace("\n", "\r\n")
    model = read_arpa(write(tmp_path, text))
    assert "ON\u00b7E" in model.words


def test_models_over_units_have_the_space_unit(tmp_path):
    """Transcripts reject this character, but units of a dictionary may begin with it."""
    text = GOOD.replace("ONE", "\u2581O").replace("caf\u00e9", "\u2581")
    model = read_arpa(write(tmp_path, text))
    assert model.words == ("<s>", "</s>", "\u2581O", "\u2581", "<unk>")


def test_a_truncated_missing_or_non_utf_8_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"x\.lm: the file ends after 3 of 5 1-grams"):
        read_arpa(write(tmp_path, GOOD[: GOOD.index("-0.7 ")]))
    with pytest.raises(InputError, match=r"nowhere\.lm: No such file"):
        read_arpa(tmp_path / "nowhere.lm")
    path = tmp_path / "x.lm"
    path.write_bytes(GOOD.encode("latin-1"))
    with pytest.raises(InputError, match=r"x\.lm:14: not UTF-8"):
        read_arpa(path)
