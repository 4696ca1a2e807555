"""The perplexity of a text under an n-gram language model."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from moeasr.text.arpa import BEGIN, END, UNKNOWN, Ngram, NgramModel


class Prediction(NamedTuple):
    """The log-probability of a text under a language model."""

    log_prob: float
    """Natural logarithm of the probability of all known words and sentence ends."""
    num_predicted: int
    """Number of known words and sentence ends."""
    num_unknown: int
    """Number of words that the model does not know. They are not scored, but are part of the
    history of the following words."""

    @property
    def perplexity(self) -> float:
        """The exponential of the mean negative log-probability; infinite for an empty text."""
        if self.num_predicted == 0:
            return math.inf
        return math.exp(-self.log_prob / self.num_predicted)


def predict(model: NgramModel, sentences: Iterable[Sequence[str]]) -> Prediction:
    """Score sentences, each given by its words without `<s>` and `</s>`."""
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
    """Return the natural logarithm of P(word | history).

    Args:
        model: The language model.
        history: Ids of the preceding words in their order; there may be any number of them.
        word: Id of the next word, its index in `model.words`.
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
