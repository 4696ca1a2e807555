"""Kneser-Ney estimation: probabilities by hand, by the definition, and of every history."""

import math
from itertools import product

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa, write_arpa
from moeasr.text.kneser_ney import estimate
from moeasr.text.perplexity import log_prob_after

TEXT = [line.split() for line in ("A B", "A B C", "A C", "B A B", "C", "A B", "D A A", "<unk> B")]


def random_text(seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [list(rng.choice(list("ABCDEFG"), rng.integers(0, 7))) for _ in range(40)]


def prob(model, history: str, word: str) -> float:
    numbers = {name: number for number, name in enumerate(model.words)}
    return math.exp(log_prob_after(model, [numbers[w] for w in history.split()], numbers[word]))


def test_bigrams_by_hand():
    """`A B`, `A C`: bigrams `<s> A` twice; `A B`, `A C`, `B </s>`, `C </s>` once."""
    model = estimate([["A", "B"], ["A", "C"]], 2)
    # n1 = 4, n2 = 1
    discount = 4 / 6
    # of unigrams, as words before them: A 1, B 1, C 1, </s> 2; n1 = 3, n2 = 1
    discount_1 = 3 / 5
    uniform = 1 / 5  # A B C </s> <unk>
    shared = discount_1 * 4 / 5 * uniform
    unigram = {"A": 0.4 / 5 + shared, "</s>": 1.4 / 5 + shared, "<unk>": shared}
    assert prob(model, "", "A") == pytest.approx(unigram["A"])
    assert prob(model, "", "</s>") == pytest.approx(unigram["</s>"])
    assert prob(model, "", "<unk>") == pytest.approx(unigram["<unk>"])
    seen = (2 - discount) / 2 + discount / 2 * unigram["A"]
    assert prob(model, "<s>", "A") == pytest.approx(seen)
    assert prob(model, "A", "</s>") == pytest.approx(discount * 2 / 2 * unigram["</s>"])
    assert prob(model, "<unk>", "A") == pytest.approx(unigram["A"])


def by_definition(sentences: list[list[str]], order: int, history: tuple, word: str) -> float:
    """Return a probability by the module's formula, counting anew for each call."""
    padded = [("<s>", *sentence, "</s>") for sentence in sentences]

    def occurrences(length):
        return [p[i : i + length] for p in padded for i in range(len(p) - length + 1)]

    def count(ngram):
        length = len(ngram)
        if length == order or ngram[0] == "<s>":
            return sum(other == ngram for other in occurrences(length))
        return len({longer[0] for longer in occurrences(length + 1) if longer[1:] == ngram})

    def lower(history, word):
        if history is None:
            return 1 / (len({w for p in padded for w in p} | {"<unk>"}) - 1)
        ngrams = {g for g in occurrences(len(history) + 1) if g != ("<s>",)}
        counts = [count(ngram) for ngram in ngrams]
        n1, n2 = counts.count(1), counts.count(2)
        discount = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
        after = [ngram for ngram in ngrams if ngram[:-1] == history]
        shorter = lower(history[1:] if history else None, word)
        if not after:
            return shorter
        total = sum(count(ngram) for ngram in after)
        own = max(count((*history, word)) - discount, 0) / total
        return own + discount * len(after) / total * shorter

    return lower(history, word)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_probability_is_that_of_the_definition(order):
    model = estimate(TEXT, order)
    words = [word for word in model.words if word != "<s>"]
    histories = [(), ("<s>",), ("<s>", "A"), ("A", "B"), ("C", "C"), ("B", "A"), ("<unk>",)]
    for history, word in product([h for h in histories if len(h) < order], words):
        expected = by_definition(TEXT, order, history, word)
        assert prob(model, " ".join(history), word) == pytest.approx(expected), (history, word)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("text", [TEXT, random_text(0), random_text(1), [["A"]], [["A", "A"]] * 3])
def test_probabilities_after_each_history_sum_to_one(order, text):
    model = estimate(text, order)
    assert model.order == order
    begin = model.words.index("<s>")
    words = [number for number in range(len(model.words)) if number != begin]
    histories = [(), *(key for section in model.ngrams[:-1] for key in section)]
    for history in histories:
        total = sum(math.exp(log_prob_after(model, history, word)) for word in words)
        assert total == pytest.approx(1.0), history


def test_what_is_written_is_read_again(tmp_path):
    model = estimate(random_text(2), 3)
    for name in ("x.arpa", "x.arpa.gz"):
        write_arpa(model, tmp_path / name)
        read = read_arpa(tmp_path / name)
        assert read.words == model.words
        for section, original in zip(read.ngrams, model.ngrams, strict=True):
            assert section.keys() == original.keys()
            for key, values in section.items():
                assert values == pytest.approx(original[key], rel=1e-6, abs=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.arpa", "x.arpa.gz"]


def test_the_unknown_word_in_capitals_is_the_same():
    assert estimate([["A", "<UNK>"]], 2) == estimate([["A", "<unk>"]], 2)


@pytest.mark.parametrize(
    ("sentences", "order", "message"),
    [
        ([["A"]], 0, "order .* at least 1, but is 0"),
        ([], 2, "no word"),
        ([[], ["<unk>"]], 2, "no word"),
        ([["A", "<S>"]], 2, "contains `<S>`, which .* must not be in the text: 'A <S>'"),
        ([["</s>", "A"]], 2, "contains `</s>`"),
    ],
)
def test_bad_input(sentences, order, message):
    with pytest.raises(InputError, match=message):
        estimate(sentences, order)
