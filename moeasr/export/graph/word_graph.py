"""The acceptor of a language model over words, which the units spell.

A state is a pair of a history of the language model and a state of the `WordReader`. At the
beginning of each word, the acceptor decides how long a history it uses for the word. With a history
that has its own n-grams, only the words of these n-grams can be read. The empty history reads all
words, and unknown words.

As the search of moeasr does, an incomplete word already has the best score of the words that it may
become (look-ahead). The score of a complete sequence does not depend on it.
"""

from moeasr.decode.fusion.automaton import Arc
from moeasr.decode.fusion.lexicon import UNKNOWN
from moeasr.decode.fusion.ngram import WordNgram
from moeasr.export.graph.acceptor import EPSILON, Acceptor, label_of
from moeasr.export.graph.backoff import BackoffTable
from moeasr.export.graph.word_reader import WordReader, Words


def word_acceptor(ngram: WordNgram, histories: BackoffTable) -> Acceptor:
    """Return the acceptor of all unit sequences, whose scores are those of the fusion.

    Args:
        ngram: The language model.
        histories: The arcs of its network.
    """
    return _Builder(ngram, histories).build()


class _Builder:
    def __init__(self, ngram: WordNgram, histories: BackoffTable) -> None:
        self._histories = histories
        self._weights = ngram.weights
        self._network = ngram.network
        self._symbols: list[int] = ngram.numbers.tolist()
        """For each word of the lexicon, its number in the language model."""
        self._words = {symbol: word for word, symbol in enumerate(self._symbols)}
        self._reader = WordReader(ngram.lexicon)
        self._sources: list[list[int]] = [[] for _ in self._symbols]
        """For each word, the states of the reader with an arc that writes this word first."""
        self._ends = [n for n in range(len(self._reader.arcs)) if self._reader.last_words(n) == ()]
        """States of the reader in which the utterance may end without a further word."""
        self._before: list[list[int]] = [[] for _ in self._reader.arcs]
        """For each state of the reader, the states with an arc to it that writes nothing."""
        for source, arcs in enumerate(self._reader.arcs):
            for arc in arcs:
                (self._sources[arc.words[0]] if arc.words else self._before[arc.target]).append(
                    source
                )
        self._ahead: dict[int, dict[int, float]] = {}
        self._acceptor = Acceptor()
        self._numbers: dict[tuple[int, int], int] = {}
        self._pending: list[tuple[int, int]] = []
        self._with_backoff: set[int] = set()

    def build(self) -> Acceptor:
        """Build the acceptor."""
        self._begin_word(self._network.begin, 0)
        while self._pending:
            history, place = self._pending.pop()
            number = self._numbers[history, place]
            for arc in self._reader.arcs[place]:
                found = self._follow(history, arc.words, arc.target)
                if found is not None:
                    target, score = found
                    score -= self._look_ahead(history, place)
                    label = EPSILON if arc.unit is None else label_of(arc.unit)
                    self._acceptor.add_arc(number, label, score, target)
            words = self._reader.last_words(place)
            if words is not None:
                last, score = self._score(history, words)
                score += self._weights.weight * self._histories.step(last, self._network.end).weight
                self._acceptor.finals[number] = score - self._look_ahead(history, place)
        return self._acceptor

    def _follow(self, history: int, words: Words, place: int) -> tuple[int, float] | None:
        """Return the state after an arc of the reader, and the score, which includes look-ahead.

        The caller subtracts the look-ahead of the arc's source. The result is None if the history
        has no n-gram of its own with the word, which is then read after backing off.
        """
        if words:
            if self._symbols[words[0]] not in self._histories.own(history):
                return None
            after, score = self._score(history, words)
            return self._begin_word(after, place), score + self._look_ahead(after, place)
        if place not in self._best_ahead(history):
            return None
        return self._number(history, place), self._look_ahead(history, place)

    def _number(self, history: int, place: int) -> int:
        if (history, place) not in self._numbers:
            self._numbers[history, place] = self._acceptor.add_state()
            self._pending.append((history, place))
        return self._numbers[history, place]

    def _begin_word(self, history: int, place: int) -> int:
        """Return the state of a history at the beginning of a word, with its back-off arc."""
        number = self._number(history, place)
        failure = self._histories.failure(history)
        if failure is not None and number not in self._with_backoff:
            self._with_backoff.add(number)
            target = self._begin_word(failure.target, place)
            score = self._weights.weight * failure.weight
            score += self._look_ahead(failure.target, place) - self._look_ahead(history, place)
            self._acceptor.add_arc(number, EPSILON, score, target)
        return number

    def _score(self, history: int, words: Words) -> Arc:
        """Return the history after words, and their score."""
        total = 0.0
        for word in words:
            history, log_prob = self._histories.step(history, self._symbols[word])
            if word == UNKNOWN:
                log_prob += self._weights.unk_penalty
            total += self._weights.weight * log_prob + self._weights.bonus
        return Arc(history, total)

    def _look_ahead(self, history: int, place: int) -> float:
        if self._reader.is_between_words(place):
            return 0.0
        return self._best_ahead(history).get(place, 0.0)

    def _best_ahead(self, history: int) -> dict[int, float]:
        """Return the look-ahead of a history: word reader state -> best score that can follow.

        This is the best score of the words that can be completed from the state, and of the end of
        the utterance. Only words and ends with an n-gram of exactly this history count. A state
        from which none of them can be reached is left out.
        """
        if history in self._ahead:
            return self._ahead[history]
        own = self._histories.own(history)
        words = [self._words[symbol] for symbol in own if symbol in self._words]
        begins = [(self._score(history, (word,)).weight, self._sources[word]) for word in words]
        if self._network.end in own:
            begins.append((self._weights.weight * own[self._network.end].weight, self._ends))
        begins.sort(key=lambda begin: begin[0], reverse=True)
        best = self._ahead[history] = {}
        for score, places in begins:
            pending = places.copy()
            while pending:
                place = pending.pop()
                if place not in best:
                    best[place] = score
                    pending += self._before[place]
        return best
