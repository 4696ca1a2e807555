"""N-gram language models as fusions, over whole words or over the model's units.

Words are separated by spaces. In scripts without spaces they are found by longest match, see
`moeasr.decode.fusion.lexicon`.

A complete sequence of words w has the score

    weight * (log P(w, </s>) + unk_penalty * number of unknown words) + bonus * number of words

in natural logarithms. A word that is unknown to the language model is scored as `<unk>`. If the
language model lacks `<unk>` too, P(<unk>) is 1 before back-off, so only the penalty applies.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from moeasr.decode.fusion.automaton import Arc, FailureAutomaton
from moeasr.decode.fusion.lexicon import EMPTY, Lexicon
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.plurals import counted
from moeasr.text.arpa import BEGIN, END, UNKNOWN, Ngram, NgramModel
from moeasr.text.dictionary import BLANK, SOS_EOS
from moeasr.text.normalize import SPACE_UNIT
from moeasr.text.tokenizer import Tokenizer

logger = get_logger(__name__)

NUM_SHOWN = 5  # maximum number of words that a warning names


class NgramWeights(NamedTuple):
    """The weights of a language model in the score; the docstring of the module has the formula."""

    weight: float
    bonus: float = 0.0
    unk_penalty: float = 0.0


class _Network(NamedTuple):
    """A back-off model as an automaton whose states are the histories of the model."""

    automaton: FailureAutomaton
    begin: int
    """State of the history `<s>`."""
    words: dict[str, int]
    end: int
    unknown: int


def _build_network(model: NgramModel) -> _Network:
    words = {word: number for number, word in enumerate(model.words)}
    sections = model.ngrams
    if UNKNOWN not in words:
        words[UNKNOWN] = len(words)
        sections = ({**sections[0], (words[UNKNOWN],): Ngram(0.0, 0.0)}, *sections[1:])
    histories: dict[tuple[int, ...], int] = {(): 0}
    failures = [Arc(0, 0.0)]

    def longest_known(history: tuple[int, ...]) -> int:
        while history not in histories:
            history = history[1:]
        return histories[history]

    for section in sections[:-1] if len(sections) > 1 else ():
        for history, ngram in section.items():
            histories[history] = len(histories)
            failures.append(Arc(longest_known(history[1:]), ngram.log_backoff))
    arcs = {}
    for length, section in enumerate(sections, start=1):
        for ngram, (log_prob, _) in section.items():
            history, word = ngram[:-1], ngram[-1]
            target = longest_known(ngram if length < len(sections) else ngram[1:])
            arcs[histories[history], word] = Arc(target, log_prob)
    automaton = FailureAutomaton(arcs, failures, len(words))
    return _Network(automaton, longest_known((words[BEGIN],)), words, words[END], words[UNKNOWN])


class UnitNgram(nn.Module):
    """A language model over the units of the recogniser.

    Args:
        model: The language model.
        weights: The weights of the language model, where every unit counts as a word.
        tokenizer: The units.

    Raises:
        InputError: The language model knows none of the units.
    """

    def __init__(self, model: NgramModel, weights: NgramWeights, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.weights = weights
        self.network = network = _build_network(model)
        self._automaton = network.automaton
        names = [_name_in(network.words, unit) for unit in tokenizer.units]
        plain = [unit for unit in tokenizer.units if unit not in (BLANK, UNKNOWN, SOS_EOS)]
        unknown = [unit for unit in plain if _name_in(network.words, unit) == UNKNOWN]
        if len(unknown) == len(plain):
            raise InputError(
                f"the language model contains none of the model's units: {_some(unknown)}"
            )
        if unknown:
            logger.warning(
                "%s unknown to the language model (scored as <unk>): %s",
                *(counted(len(unknown), "unit is", "units are"), _some(unknown)),
            )
        numbers = torch.tensor([network.words[name] for name in names])
        is_silent = torch.tensor([unit in (BLANK, SOS_EOS) for unit in tokenizer.units])
        is_unknown = (numbers == network.unknown).double()
        extra = weights.bonus + weights.weight * weights.unk_penalty * is_unknown
        self.register_buffer("numbers", numbers)
        self.register_buffer("is_silent", is_silent)
        self.register_buffer("extra", extra)
        self._max_extra = float(extra.max())

    def start(self) -> Tensor:
        """Return the state of the empty sequence, see `Fusion.start`."""
        return torch.tensor([self.network.begin], device=self.numbers.device)

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Extend each sequence by each unit, see `Fusion.extend`."""
        units = units[..., None, :]
        targets, scores = self._automaton.step(states, self.numbers[units])
        is_silent = self.is_silent[units]
        scores = self.weights.weight * scores + self.extra[units]
        return scores.masked_fill(is_silent, 0.0), torch.where(is_silent, states, targets)[
            ..., None
        ]

    def finish(self, states: Tensor) -> Tensor:
        """Return the score of the end of the utterance, see `Fusion.finish`."""
        end = torch.tensor(self.network.end, device=states.device)
        return self.weights.weight * self._automaton.step(states[..., 0], end)[1]

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """Return an upper bound on the further score, see `Fusion.most`."""
        best = self.weights.weight * self._automaton.max_weight
        unit = max(0.0, best + self._max_extra)
        return (best + unit * num_units.double()).expand(states.shape[:-1])


class WordNgram(nn.Module):
    """A language model over words, which the units of the recogniser spell.

    A word is scored once it is certain: at a space, at the end of the utterance, or where the
    lexicon of the language model finds the next word. Until then, the score of a prefix includes
    the highest unigram score of all words that begin with the letters of the incomplete word
    (look-ahead). The look-ahead score is subtracted when the word is scored.

    Args:
        model: The language model.
        weights: The weights of the language model.
        tokenizer: Units of type `char` or `bpe`.

    Raises:
        InputError: The units can spell no word of the language model.
    """

    def __init__(self, model: NgramModel, weights: NgramWeights, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.weights = weights
        self.network = network = _build_network(model)
        self._automaton = network.automaton
        words = [word for word in model.words if word not in (BEGIN, END, UNKNOWN)]
        unspellable = [word for word in words if SPACE_UNIT in word or tokenizer.unknown(word)]
        if len(unspellable) == len(words):
            raise InputError(
                "no word of the language model can be spelled with the model's units: "
                f"{_some(unspellable)}. Check its letter case. If it is a language model over "
                "units, set --lm-level unit"
            )
        if unspellable:
            logger.warning(
                "ignored %s of the language model that cannot be spelled with the model's units: "
                "%s",
                *(counted(len(unspellable), "word"), _some(unspellable)),
            )
        unigrams, excluded = model.ngrams[0], set(unspellable)
        known = {
            word: unigrams[network.words[word],].log_prob for word in words if word not in excluded
        }
        self.lexicon = lexicon = Lexicon(known, tokenizer)
        numbers = [network.words[word] for word in (UNKNOWN, *known)]
        nothing = Ngram(0.0, 0.0)
        unk_log_prob = unigrams.get((network.unknown,), nothing).log_prob + weights.unk_penalty
        best = [unk_log_prob if value is None else value for value in lexicon.best]
        ahead = weights.weight * torch.tensor(best, dtype=torch.float64) + weights.bonus
        ahead[EMPTY] = 0.0
        self.register_buffer("numbers", torch.tensor(numbers))
        self.register_buffer("_ahead", ahead)

    def start(self) -> Tensor:
        """Return the first state: history, state in the lexicon, and script of the last unit."""
        return torch.tensor([self.network.begin, EMPTY, 0], device=self._ahead.device)

    def extend(self, states: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """Extend each sequence by each unit, see `Fusion.extend`."""
        spellings = self.lexicon.spellings
        history, node, after = (column[..., None] for column in states.unbind(-1))  # (..., K, 1)
        units = units[..., None, :]
        begins = spellings.begins_word[units]
        is_new = spellings.begins_here(after.bool(), units)
        # Before a unit there is a space that ends the word, a boundary of the script, or neither.
        ended, bounded = self._end_words(history, node), self._bound(history, node)
        plain = (history, node, torch.zeros_like(self._ahead[node]))
        history, begun, scores = (
            torch.where(begins, at_end, torch.where(is_new, at_boundary, as_it_is))
            for at_end, at_boundary, as_it_is in zip(ended, bounded, plain)
        )
        takes = spellings.has_letters[units].expand_as(begun)
        words = _Words(self, history[takes])
        target = begun.clone()
        target[takes] = self.lexicon.take(begun[takes], units.expand_as(begun)[takes], words.add)
        history, scores = history.clone(), scores.clone()
        history[takes] = words.history
        scores[takes] += words.scores
        scores = scores + self._ahead[target] - self._ahead[node]
        after = spellings.after(after.bool(), units).expand_as(target).long()
        return scores, torch.stack([history, target, after], dim=-1)

    def finish(self, states: Tensor) -> Tensor:
        """Return the score of the end of the utterance, see `Fusion.finish`."""
        history, node, _ = states.unbind(-1)
        last, _, scores = self._end_words(history, node)
        end = torch.tensor(self.network.end, device=states.device)
        scores = scores - self._ahead[node]
        return scores + self.weights.weight * self._automaton.step(last, end)[1]

    def most(self, states: Tensor, num_units: Tensor) -> Tensor:
        """Return an upper bound on the further score, see `Fusion.most`.

        The look-ahead score of the incomplete word will be subtracted. Every further word begins
        with a word of the text, either in the letters of the incomplete word or in a further unit.
        """
        best = self.weights.weight * self._automaton.max_weight
        word = max(0.0, best + self.weights.bonus)
        node = states[..., 1]
        num_words = num_units * self.lexicon.max_words_per_unit + self.lexicon.num_words[node]
        return best + word * num_words.double() - self._ahead[node]

    def score_words(self, history: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Return the history after each word of the lexicon, and its weighted score."""
        numbers = self.numbers[words]
        history, log_probs = self._automaton.step(history, numbers)
        is_unknown = (numbers == self.network.unknown).double()
        log_probs = log_probs + self.weights.unk_penalty * is_unknown
        return history, self.weights.weight * log_probs + self.weights.bonus

    def _end_words(self, history: Tensor, node: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return histories, lexicon states and scores after a space."""
        words = _Words(self, history.flatten())
        self.lexicon.flush(node.flatten(), words.add)
        return (
            words.history.view_as(history),
            torch.full_like(node, EMPTY),
            words.scores.view(history.shape),
        )

    def _bound(self, history: Tensor, node: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return histories, lexicon states and scores after a word boundary without a space."""
        words = _Words(self, history.flatten())
        boundary = self.lexicon.boundary.expand(node.numel())
        target = self.lexicon.take(node.flatten(), boundary, words.add)
        return words.history.view_as(history), target.view_as(node), words.scores.view(node.shape)


class _Words:
    """The sum of the scores of the words that have become certain in each row.

    Args:
        scorer: The language model.
        history: (N,) histories.
    """

    def __init__(self, scorer: WordNgram, history: Tensor) -> None:
        self._scorer = scorer
        self.history = history.clone()
        self.scores = torch.zeros(history.shape, dtype=torch.float64, device=history.device)

    def add(self, rows: Tensor, words: Tensor) -> None:
        """Score one further word in some rows."""
        self.history[rows], scores = self._scorer.score_words(self.history[rows], words)
        self.scores[rows] += scores


def _name_in(words: dict[str, int], unit: str) -> str:
    """Return the name of a unit in the language model."""
    names = [unit, "<space>"] if unit == SPACE_UNIT else [unit]
    return next((name for name in names if name in words), UNKNOWN)


def _some(words: list[str]) -> str:
    return " ".join(words[:NUM_SHOWN]) + (" ..." if len(words) > NUM_SHOWN else "")
