"""How well an n-gram language model foretells a text."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from moeasr.text.arpa import BEGIN, END, UNKNOWN, Ngram, NgramModel


class Prediction(NamedTuple):
    """What a model says of a text."""

    log_prob: float
    """Natural logarithm of the probability of all known words and the sentences' ends."""
    num_predicted: int
    """Known words and ends."""
    num_unknown: int
    """Words that the model lacks; they count as history alone."""

    @property
    def perplexity(self) -> float:
        """exp of the mean negative logarithm; infinite for an empty text."""
        if self.num_predicted == 0:
            return math.inf
        return math.exp(-self.log_prob / self.num_predicted)


def predict(model: NgramModel, sentences: Iterable[Sequence[str]]) -> Prediction:
    """Score sentences, each the words of one without `<s>` and `</s>`."""
    numbers = {word: number for number, word in enumerate(model.words)}
    unknown = numbers.get(UNKNOWN, -1)
    log_prob, num_predicted, num_unknown = 0.0, 0, 0
    for sentence in sentences:
        history = (numbers[BEGIN],)
        for word in (*sentence, END):
            number = numbers.get(word, unknown)
            if number == unknown:
                num_unknown += 1
            else:
                log_prob += log_prob_after(model, history, number)
                num_predicted += 1
            history = (*history, number)[-model.order :]
    return Prediction(log_prob, num_predicted, num_unknown)


def log_prob_after(model: NgramModel, history: Sequence[int], word: int) -> float:
    """Natural logarithm of P(word | history), by the numbers of `model.words`.

    Args:
        model: The language model; `word` is one of its words.
        history: Any number of words, the latest last.
        word: The next one.
    """
    history = tuple(history)[max(0, len(history) - model.order + 1) :]
    backed_off = 0.0
    while True:
        found = model.ngrams[len(history)].get((*history, word))
        if found is not None:
            return backed_off + found.log_prob
        none = Ngram(0.0, 0.0)
        backed_off += model.ngrams[len(history) - 1].get(history, none).log_backoff
        history = history[1:]
