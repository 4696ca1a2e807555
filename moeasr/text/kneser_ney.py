"""Estimation of n-gram language models with interpolated Kneser-Ney smoothing.

With a history h, the history h' without its first word, and counts c,

    P(w | h) = (c(h w) - D) / c(h .) + D N(h .) / c(h .) * P(w | h')

where N(h .) is the number of distinct words seen after h. For the longest n-grams, c is the number
of occurrences. For shorter n-grams, c is the number of distinct words seen before them, except that
n-grams at the start of a sentence, which have no preceding word, keep their number of occurrences.
Unigrams are interpolated with the uniform distribution over all words, `</s>` and `<unk>`. Each
length has one discount D = n1 / (n1 + 2 n2), where n1 and n2 are the numbers of n-grams with counts
1 and 2. If n1 or n2 is 0, as in very small or regular texts, D = 0.5 (our choice).

Kneser and Ney, ICASSP 1995. The interpolated form is that of Chen and Goodman, Computer Speech and
Language 13 (1999), section 3.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from moeasr.errors import InputError
from moeasr.text.arpa import BEGIN, END, UNKNOWN, Ngram, NgramModel

DEFAULT_DISCOUNT = 0.5
NEVER = 1e-99
"""P(<s>) as ARPA files write it; `<s>` is never predicted."""

Words = tuple[str, ...]


def estimate(sentences: Iterable[Sequence[str]], order: int) -> NgramModel:
    """Estimate a language model.

    Args:
        sentences: The words of each sentence, without `<s>` and `</s>`. `<unk>`, in lower or upper
            case, is the unknown word.
        order: Length of the longest n-grams.

    Returns:
        The model. After every history, its probabilities sum to 1 over the words, `</s>` and
        `<unk>`.

    Raises:
        InputError: `order` is below 1, there is no word, or a sentence contains `<s>` or `</s>`.
    """
    if order < 1:
        raise InputError(f"the order of a language model must be at least 1, but is {order}")
    sections = _left_diversity(_occurrences(sentences, order))
    del sections[0][BEGIN,]  # `<s>` is never predicted
    sections[0].setdefault((UNKNOWN,), 0)
    if sections[0].keys() <= {(END,), (UNKNOWN,)}:
        raise InputError("there are no words from which to estimate a language model")
    probs: dict[Words, float] = {(): 1.0 / len(sections[0])}
    backoffs: dict[Words, float] = {}
    for section in sections:
        _smooth(section, probs, backoffs)
    words = tuple(sorted({word for (word,) in sections[0]} | {BEGIN}))
    numbers = {word: number for number, word in enumerate(words)}
    ngrams: list[dict[tuple[int, ...], Ngram]] = [{} for _ in sections]
    del probs[()]
    for ngram, prob in sorted({(BEGIN,): NEVER, **probs}.items()):
        key = tuple(numbers[word] for word in ngram)
        ngrams[len(key) - 1][key] = Ngram(math.log(prob), math.log(backoffs.get(ngram, 1.0)))
    return NgramModel(words, tuple(ngrams))


def _occurrences(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Words]]:
    """Count the occurrences of n-grams of each length, with sentences in `<s>` and `</s>`."""
    counts: list[Counter[Words]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        words = [UNKNOWN if word.lower() == UNKNOWN else word for word in sentence]
        for word in words:
            if word.lower() in (BEGIN, END):
                raise InputError(
                    f"a sentence contains `{word}`, which is added to sentences and must not be in "
                    f"the text: '{' '.join(sentence)}'"
                )
        padded = (BEGIN, *words, END)
        for length in range(1, order + 1):
            counts[length - 1].update(
                padded[start : start + length] for start in range(len(padded) - length + 1)
            )
    counts[0][BEGIN,] += 0
    return counts


def _left_diversity(occurrences: list[Counter[Words]]) -> list[Counter[Words]]:
    """Replace occurrences by counts of distinct preceding words, except for the longest n-grams."""
    sections = []
    for shorter, longer in zip(occurrences, occurrences[1:]):
        section = Counter(ngram[1:] for ngram in longer)
        section.update({ngram: n for ngram, n in shorter.items() if ngram[0] == BEGIN})
        sections.append(section)
    return [*sections, occurrences[-1]]


def _smooth(
    section: Counter[Words], probs: dict[Words, float], backoffs: dict[Words, float]
) -> None:
    """Add the n-grams of one length to `probs`, and the back-off weights of their histories.

    Args:
        section: Counts of the n-grams.
        probs: Probabilities, which already include those of the n-grams shorter by one word.
        backoffs: Weight of P(w | h') in P(w | h), by history h.
    """
    numbers_of = Counter(section.values())
    discount = DEFAULT_DISCOUNT
    if numbers_of[1] and numbers_of[2]:
        discount = numbers_of[1] / (numbers_of[1] + 2 * numbers_of[2])
    totals: Counter[Words] = Counter()
    followers: Counter[Words] = Counter()
    for ngram, count in section.items():
        totals[ngram[:-1]] += count
        followers[ngram[:-1]] += count > 0
    for history, total in totals.items():
        backoffs[history] = discount * followers[history] / total
    for ngram, count in section.items():
        history = ngram[:-1]
        own = max(count - discount, 0.0) / totals[history]
        probs[ngram] = own + backoffs[history] * probs[ngram[1:]]
