"""The perplexity of a text under an n-gram model."""

import math

import pytest

from moeasr.text.arpa import read_arpa
from moeasr.text.kneser_ney import estimate
from moeasr.text.perplexity import Prediction, log_prob_after, predict

TEXT = [line.split() for line in ("A B", "A B C", "A C", "B A B", "C", "A B", "D A A", "<unk> B")]
ARPA = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99 <s> -0.5
-1.0 </s>
-0.25 a -0.75
-2.0 b

\\2-grams:
-0.125 <s> a
-0.5 a </s>

\\end\\
"""


def prob(model, history: str, word: str) -> float:
    numbers = {name: number for number, name in enumerate(model.words)}
    return math.exp(log_prob_after(model, [numbers[w] for w in history.split()], numbers[word]))


def test_backing_off_by_hand(tmp_path):
    """`<s> a` and `a </s>` are in the model, `a b` costs the back-off weight of a."""
    (tmp_path / "x.arpa").write_text(ARPA)
    model = read_arpa(tmp_path / "x.arpa")
    numbers = {word: number for number, word in enumerate(model.words)}
    a, b = numbers["a"], numbers["b"]
    assert log_prob_after(model, [], a) == pytest.approx(-0.25 * math.log(10))
    assert log_prob_after(model, [b, a], b) == pytest.approx((-0.75 - 2.0) * math.log(10))
    predicted = predict(model, [["a"], ["a", "b"]])
    log_10 = (-0.125 - 0.5) + (-0.125 - 0.75 - 2.0 - 1.0)  # b has no back-off weight
    assert predicted == pytest.approx(Prediction(log_10 * math.log(10), 5, 0))
    assert predicted.perplexity == pytest.approx(10 ** (-log_10 / 5))


def test_longer_histories_lower_the_perplexity():
    """A text of a fixed order of words, and another one of the same kind."""
    cycle = [["ONE", "TWO", "THREE", "FOUR", "FIVE"][i % 5 :] for i in range(40)]
    perplexities = [predict(estimate(cycle, n), cycle[:5]).perplexity for n in (1, 2)]
    assert perplexities[1] < 0.5 * perplexities[0]


def test_unknown_words_are_counted_and_left_out():
    model = estimate(TEXT, 2)
    predicted = predict(model, [["A", "Q"], []])
    assert (predicted.num_predicted, predicted.num_unknown) == (3, 1)
    expected = prob(model, "<s>", "A") * prob(model, "<unk>", "</s>") * prob(model, "<s>", "</s>")
    assert predicted.log_prob == pytest.approx(math.log(expected))
    assert predict(model, []).perplexity == math.inf


def test_words_are_predicted_from_as_many_words_as_the_order_allows():
    model = estimate(TEXT, 3)
    histories = [("<s>", "A"), ("<s> A", "B"), ("A B", "C"), ("B C", "</s>")]
    expected = math.prod(prob(model, *pair) for pair in histories)
    assert predict(model, [["A", "B", "C"]]).log_prob == pytest.approx(math.log(expected))
