"""Acceptors of word models: paths have the scores that the formula gives to the best reading."""

import random

import pytest
from fusion_scores import TEXTS, WORDS, fusion_score, random_units, word_model
from graph_paths import Paths

from moeasr.decode.fusion.lexicon import UNKNOWN
from moeasr.decode.fusion.ngram import NgramWeights, WordNgram
from moeasr.export.graph.acceptor import label_of
from moeasr.export.graph.backoff import BackoffTable
from moeasr.export.graph.word_graph import word_acceptor
from moeasr.text.arpa import read_arpa
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.kneser_ney import estimate
from moeasr.text.scripts import split_words

WEIGHTS = NgramWeights(weight=0.7, bonus=1.3, unk_penalty=-10.0)
CHINESE = ["北京", "北京大学", "大学", "学生", "生", "T恤", "WE", "手机WE", "东", "东京大学生"]
CHINESE_TEXTS = ["北京大学生T恤AWE手机东京 买", "我 WE", "北京大学", "手机WEA", "大学生"]


def best_reading(ngram, text):
    """The best score over all divisions of a text into words and all choices of back-off."""
    table, weights, numbers = (
        BackoffTable(ngram.network.automaton),
        ngram.weights,
        ngram.network.words,
    )

    def read(histories, word):
        found = {}
        for history, score in histories.items():
            while True:
                if word in table.own(history):
                    target, more = table.own(history)[word]
                    found[target] = max(found.get(target, -1e9), score + weights.weight * more)
                if history == 0:
                    break
                history, more = table.failure(history)
                score += weights.weight * more
        return found

    histories = {ngram.network.begin: 0.0}
    for run in text.split():
        pieces = split_words(run)
        at = [histories, *({} for _ in pieces)]
        for first, start in enumerate(at):
            for last in range(first + 1, len(at)):
                word = "".join(pieces[first:last])
                choices = [(word, 0.0)] if word in numbers and word != "<unk>" else []
                choices += [("<unk>", weights.unk_penalty)] if last == first + 1 else []
                for choice, extra in choices:
                    more = weights.weight * extra + weights.bonus
                    for history, score in read(start, numbers[choice]).items():
                        at[last][history] = max(at[last].get(history, -1e9), score + more)
        histories = at[-1]
    end = ngram.network.end
    return max(s + weights.weight * table.step(h, end).weight for h, s in histories.items())


def paths_of(ngram):
    return Paths(word_acceptor(ngram, BackoffTable(ngram.network.automaton)))


def sequences(tokenizer, words, rng, separator=" "):
    texts = [separator.join(rng.choices(words, k=rng.randrange(1, 7))) for _ in range(40)]
    return [*map(tokenizer.encode, texts), *random_units(tokenizer.vocab_size, rng, 40)]


@pytest.fixture(params=["char", "bpe"])
def kind(request):
    return request.param


@pytest.mark.parametrize("order", [1, 2])
def test_scores_are_those_of_the_fusion(kind, order):
    rng = random.Random(order)
    tokenizer = build_tokenizer(TEXTS, kind, 12 if kind == "bpe" else None)
    ngram = WordNgram(word_model(order), WEIGHTS, tokenizer)
    paths = paths_of(ngram)
    for units in sequences(tokenizer, [*WORDS, "BB"], rng):
        score = paths.best([label_of(unit) for unit in units])
        assert score == pytest.approx(fusion_score(ngram, units), abs=1e-9), tokenizer.decode(units)


@pytest.mark.parametrize("order", [3, 4])
def test_longer_histories_may_be_forgotten(kind, order):
    rng = random.Random(order)
    tokenizer = build_tokenizer(TEXTS, kind, 12 if kind == "bpe" else None)
    ngram = WordNgram(word_model(order), WEIGHTS, tokenizer)
    paths, num_equal = paths_of(ngram), 0
    for units in sequences(tokenizer, [*WORDS, "BB"], rng):
        score = paths.best([label_of(unit) for unit in units])
        assert score == pytest.approx(best_reading(ngram, tokenizer.decode(units)), abs=1e-9)
        num_equal += score == pytest.approx(fusion_score(ngram, units), abs=1e-9)
    assert num_equal > 50


def test_scripts_without_spaces_have_the_best_division_into_words(kind):
    rng = random.Random(1)
    tokenizer = build_tokenizer(CHINESE_TEXTS * 3, kind, 45 if kind == "bpe" else None)
    model = estimate([rng.choices(CHINESE, k=3) for _ in range(30)], 2)
    ngram = WordNgram(model, WEIGHTS, tokenizer)
    paths, num_equal = paths_of(ngram), 0
    for units in sequences(tokenizer, [*CHINESE, "北", "手机", "A", " ", "买"], rng, separator=""):
        text = tokenizer.decode(units)
        score, exact = paths.best([label_of(unit) for unit in units]), fusion_score(ngram, units)
        assert score == pytest.approx(best_reading(ngram, text), abs=1e-9), text
        assert score > exact - 1e-9  # the longest match is one of the divisions
        num_equal += score == pytest.approx(exact, abs=1e-9)
    assert num_equal > 30


def test_scores_by_hand(tmp_path):
    lines = ["\\data\\", "ngram 1=5", "ngram 2=2", "\\1-grams:", "-9 <s> -0.5", "-0.8 </s>"]
    lines += ["-0.5 A -0.25", "-0.75 AB 0", "-2 <unk> 0", "\\2-grams:", "-0.125 <s> AB"]
    lines += ["-0.25 A </s>", "\\end\\"]
    (tmp_path / "lm").write_text("\n".join(lines))
    tokenizer = build_tokenizer(["AB A C"], "char")
    ngram = WordNgram(read_arpa(tmp_path / "lm"), NgramWeights(1 / 2.302585092994046), tokenizer)
    paths = paths_of(ngram)
    for text, score in [
        ("", -0.5 - 0.8),
        ("AB", -0.125 - 0.8),
        ("A", -0.5 - 0.5 - 0.25),
        ("AB A", -0.125 - 0.5 - 0.25),
        ("C", -0.5 - 2 - 0.8),
        ("A AB", -0.5 - 0.5 - 0.25 - 0.75 - 0.8),
    ]:
        labels = [label_of(unit) for unit in tokenizer.encode(text)]
        assert paths.best(labels) == pytest.approx(score, abs=1e-9), text
        space = label_of(tokenizer.units.index("\u2581"))
        assert paths.best([*labels, space]) == pytest.approx(score, abs=1e-9), text  # no word
        assert paths.best([space, *labels]) == pytest.approx(score, abs=1e-9), text


def test_only_words_of_a_history_are_read_with_it():
    """The size grows with the n-grams, not with histories times words."""
    words = [a + b for a in "ABCDEFGH" for b in "ABCDEFGH"]
    tokenizer = build_tokenizer([" ".join(words)], "char")
    ngram = WordNgram(estimate([words] * 2, 2), WEIGHTS, tokenizer)
    acceptor = word_acceptor(ngram, BackoffTable(ngram.network.automaton))
    assert acceptor.num_states < 8 * len(words)
    assert UNKNOWN == 0
