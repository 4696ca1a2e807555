"""Language models as fusions, whose scores of units sum to the score of the whole text."""

import math
import random

import pytest
import torch

from moeasr.decode.fusion.ngram import NgramWeights, UnitNgram, WordNgram
from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.scripts import split_words

WORDS = ["A", "AB", "ABBA", "BA", "C"]
WEIGHTS = NgramWeights(weight=0.7, bonus=1.3, unk_penalty=-4.0)


def write_lm(path, words, rng, order, with_unk):
    """Write a model with random numbers, which lists some of the n-grams with their histories."""
    unigrams = [("<s>",), ("</s>",), *((word,) for word in words)] + [("<unk>",)] * with_unk
    sections = [unigrams]
    for _ in range(order - 1):
        grown = [(*key, *word) for key in sections[-1] for word in unigrams if key[-1] != "</s>"]
        sections.append([key for key in grown if rng.random() < 0.4 and key[-1] != "<s>"])
    lines = ["\\data\\", *(f"ngram {n}={len(s)}" for n, s in enumerate(sections, start=1))]
    for n, section in enumerate(sections, start=1):
        lines.append(f"\\{n}-grams:")
        for key in section:
            lines.append(f"{-3 * rng.random():.4f} {' '.join(key)} {rng.uniform(-1, 0.3):.4f}")
    path.write_text("\n".join([*lines, "\\end\\"]))
    return path


def direct_log_prob(model, words):
    """Compute a log-probability by the recursion of the ARPA format."""
    numbers = {word: n for n, word in enumerate(model.words)}

    def log_prob(history, word):
        table = model.ngrams[len(history)]
        key = (*history, word)
        if key in table:
            return table[key].log_prob
        if not history:
            assert word == "unlisted"
            return 0.0
        own = model.ngrams[len(history) - 1].get(history)
        return (own.log_backoff if own else 0.0) + log_prob(history[1:], word)

    unknown = numbers.get("<unk>", "unlisted")
    sequence = [numbers["<s>"], *(numbers.get(word, unknown) for word in words), numbers["</s>"]]
    return sum(
        log_prob(tuple(sequence[max(0, n + 1 - model.order) : n]), sequence[n])
        for n in range(1, len(sequence))
    )


def expected_score(model, words, weights):
    known = set(model.words) - {"<s>", "</s>", "<unk>"}
    log_prob = direct_log_prob(model, words)
    log_prob += weights.unk_penalty * sum(word not in known for word in words)
    return weights.weight * log_prob + weights.bonus * len(words)


def step_by_step(fusion, sequences):
    """Return the scores of unit sequences of one length, computed unit by unit.

    Each step also scores a wrong unit.
    """
    states = fusion.start().expand(len(sequences), 1, -1)
    totals = torch.zeros(len(sequences), dtype=torch.float64)
    for units in zip(*sequences):
        units = torch.tensor(units)
        scores, grown = fusion.extend(states, torch.stack([units, units.flip(0)], dim=1))
        totals += scores[:, 0, 0]
        states = grown[:, :, 0]
    return (totals + fusion.finish(states)[:, 0]).tolist()


def random_sequences(tokenizer, rng, count=60):
    units = [n for n in range(tokenizer.vocab_size) if n != 0]  # with <unk> and <sos/eos>
    for length in (0, 1, 2, 5, 11):
        yield [[rng.choice(units) for _ in range(length)] for _ in range(count)]
    for _ in range(count):  # mostly words of the language model
        yield [tokenizer.encode(" ".join(rng.choices([*WORDS, "BB"], k=rng.randrange(1, 7))))]


@pytest.fixture(params=["char", "bpe", "word"])
def tokenizer(request):
    texts = ["AB ABBA BA", "C A AB BA ABBA C AB", "BAB CC D A"]
    return build_tokenizer(texts, request.param, 12 if request.param == "bpe" else None)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("with_unk", [True, False])
def test_scores_of_a_word_model_sum_to_the_score_of_the_text(tmp_path, tokenizer, order, with_unk):
    rng = random.Random(order)
    model = read_arpa(write_lm(tmp_path / "lm", WORDS, rng, order, with_unk))
    kind = UnitNgram if tokenizer.config.type == "word" else WordNgram
    fusion = kind(model, WEIGHTS, tokenizer)
    num_known = 0
    for sequences in random_sequences(tokenizer, rng):
        found = step_by_step(fusion, sequences)
        for sequence, score in zip(sequences, found):
            words = tokenizer.decode(sequence).split()
            num_known += sum(word in WORDS for word in words)
            assert score == pytest.approx(expected_score(model, words, WEIGHTS), abs=1e-9)
    assert num_known > 150


@pytest.mark.parametrize("space", ["\u2581", "<space>"])
def test_scores_of_a_unit_model_sum_to_the_score_of_the_text(tmp_path, space):
    rng = random.Random(1)
    tokenizer = build_tokenizer(["AB BA C"], "char")
    model = read_arpa(write_lm(tmp_path / "lm", ["A", "C", space], rng, 3, True))
    fusion = UnitNgram(model, WEIGHTS, tokenizer)
    for sequences in random_sequences(tokenizer, rng):
        found = step_by_step(fusion, sequences)
        for sequence, score in zip(sequences, found):
            units = [tokenizer.units[n].replace("\u2581", space) for n in sequence if n != 2]
            assert score == pytest.approx(expected_score(model, units, WEIGHTS), abs=1e-9)


MIXED = ["北京", "北京大学", "大学", "学生", "生", "T恤", "WE", "手机WE", "东", "东京大学生", "ก้าว"]
MIXED_TEXTS = ["北京大学生T恤AWE手机东京 买", "ก้าว ก WE 我", "北京大学", "手机WEA", "大学生"]


def longest_matches(text, lexicon):
    """Return the longest words of the lexicon from left to right, or unknown words."""
    found = []
    for run in text.split():
        words = split_words(run)
        while words:
            lengths = [n for n in range(len(words), 0, -1) if "".join(words[:n]) in lexicon]
            length = lengths[0] if lengths else 1
            found.append("".join(words[:length]))
            words = words[length:]
    return found


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("with_unk", [True, False])
def test_words_of_text_without_spaces_are_the_longest_of_the_lexicon(
    tmp_path, kind, order, with_unk
):
    rng = random.Random(order)
    tokenizer = build_tokenizer(MIXED_TEXTS * 3, kind, 50 if kind == "bpe" else None)
    assert kind == "char" or any(len(unit) > 3 for unit in tokenizer.units[3:])
    model = read_arpa(write_lm(tmp_path / "lm", MIXED, rng, order, with_unk))
    fusion = WordNgram(model, WEIGHTS, tokenizer)
    pieces = [*MIXED, "北", "京", "手机", "W", "E", "A", " ", "买", "ก"]
    units = [n for n in range(tokenizer.vocab_size) if n != 0]
    num_joined = 0
    for trial in range(120):
        sequence = tokenizer.encode("".join(rng.choices(pieces, k=rng.randrange(8))))
        if trial % 3 == 0:
            sequence = rng.choices(units, k=rng.randrange(9))
        words = longest_matches(tokenizer.decode(sequence), MIXED)
        num_joined += any(len(split_words(word)) > 1 for word in words)
        (score,) = step_by_step(fusion, [sequence])
        assert score == pytest.approx(expected_score(model, words, WEIGHTS), abs=1e-9)
    assert num_joined > 40


def test_longest_words_of_text_without_spaces(tmp_path):
    tokenizer = build_tokenizer(["北京大学生T恤AWE手机东京 买"], "char")
    model = read_arpa(write_lm(tmp_path / "lm", MIXED, random.Random(1), 2, True))
    fusion = WordNgram(model, WEIGHTS, tokenizer)
    for text, words in [
        ("北京大学生", ["北京大学", "生"]),
        ("北京学生", ["北京", "学生"]),
        ("东京大学", ["东", "京", "大学"]),  # begins a longer word that is not completed
        ("东京大学生", ["东京大学生"]),
        ("T恤T", ["T恤", "T"]),
        ("WEA", ["WEA"]),  # no word inside letters that form one word
        ("手机WE", ["手机WE"]),
        ("手机WEA", ["手", "机", "WEA"]),
        ("北京 大学", ["北京", "大学"]),  # a space is always a boundary
    ]:
        (score,) = step_by_step(fusion, [tokenizer.encode(text)])
        assert score == pytest.approx(expected_score(model, words, WEIGHTS), abs=1e-9), text
    scores = [step_by_step(fusion, [tokenizer.encode(t)])[0] for t in ("北京大学", "学京大北")]
    assert scores[0] > scores[1] + 5


def test_ngrams_whose_history_is_not_listed_are_scored(tmp_path):
    lines = ["\\data\\", "ngram 1=4", "ngram 2=1", "ngram 3=1", "\\1-grams:"]
    lines += ["-9 <s> -0.3", "-0.8 </s>", "-0.5 A -0.2", "-0.7 C 0.1", "\\2-grams:", "-0.4 C A"]
    lines += ["\\3-grams:", "-0.1 <s> A C", "\\end\\"]
    (tmp_path / "x.lm").write_text("\n".join(lines))
    tokenizer = build_tokenizer(["A C"], "word")
    fusion = UnitNgram(read_arpa(tmp_path / "x.lm"), NgramWeights(1.0), tokenizer)
    (score,) = step_by_step(fusion, [tokenizer.encode("A C A")])
    # P(A | <s>), P(C | <s> A), P(A | A C), which backs off to P(A | C), and P(</s> | C A).
    log10 = (-0.3 - 0.5) + -0.1 + -0.4 + (-0.2 - 0.8)
    assert score == pytest.approx(log10 * math.log(10), abs=1e-12)


def test_an_incomplete_word_has_the_score_of_its_best_completion(tmp_path):
    model = read_arpa(write_lm(tmp_path / "lm", WORDS, random.Random(2), 2, True))
    tokenizer = build_tokenizer(["AB BA C D"], "char")
    fusion = WordNgram(model, WEIGHTS, tokenizer)
    unigrams = {model.words[n]: ngram.log_prob for (n,), ngram in model.ngrams[0].items()}
    for text in ["A", "AB", "ABB", "B", "C", "D", "ABC"]:
        states, total = fusion.start()[None], 0.0
        for unit in tokenizer.encode(text):
            scores, grown = fusion.extend(states, torch.tensor([unit]))
            states, total = grown[:, 0], total + float(scores)
        below = [unigrams[word] for word in WORDS if word.startswith(text)]
        best = max(below, default=unigrams["<unk>"] + WEIGHTS.unk_penalty)
        assert total == pytest.approx(WEIGHTS.weight * best + WEIGHTS.bonus, abs=1e-12)


def test_words_that_the_units_cannot_spell_are_named(tmp_path, caplog):
    model = read_arpa(write_lm(tmp_path / "lm", [*WORDS, "XY", "AX"], random.Random(2), 2, True))
    tokenizer = build_tokenizer(["AB BA C"], "char")
    WordNgram(model, WEIGHTS, tokenizer)
    assert (
        "ignored 2 words of the language model that cannot be spelled with the model's units: "
        "XY AX" in (caplog.text)
    )
    lower = build_tokenizer(["ab ba c"], "char")
    with pytest.raises(
        InputError, match="no word .* can be spelled .*A AB ABBA BA C .*letter case"
    ):
        WordNgram(model, WEIGHTS, lower)
    with pytest.raises(InputError, match="contains none of the model's units"):
        UnitNgram(model, WEIGHTS, lower)
    caplog.clear()
    UnitNgram(model, WEIGHTS, build_tokenizer(["A BA DE"], "word"))
    assert "1 unit is unknown to the language model (scored as <unk>): DE" in caplog.text


def test_units_of_more_than_one_word_are_refused_for_a_word_model(tmp_path):
    model = read_arpa(write_lm(tmp_path / "lm", WORDS, random.Random(2), 2, True))
    tokenizer = build_tokenizer(["AB BA C", "A\u2581B"], "char", non_lang_syms=["A\u2581B"])
    with pytest.raises(InputError, match="unit 'A\u2581B' contains more than one word"):
        WordNgram(model, WEIGHTS, tokenizer)


def test_probabilities_of_a_backoff_model_sum_to_one(tmp_path):
    """A bigram model with P(B

    A) = 0.6, which backs off for the other continuations of A.
    """
    path = tmp_path / "lm"
    path.write_text(
        "\\data\\\nngram 1=4\nngram 2=1\n\\1-grams:\n-99 <s> 0\n"
        + f"{math.log10(0.2)} </s>\n{math.log10(0.5)} A {math.log10(0.4 / 0.7)}\n"
        + f"{math.log10(0.3)} B\n\\2-grams:\n{math.log10(0.6)} A B\n\\end\\\n"
    )
    tokenizer = build_tokenizer(["A B"], "word")
    fusion = UnitNgram(read_arpa(path), NgramWeights(1.0), tokenizer)
    a, b = tokenizer.encode("A B")
    scores, states = fusion.extend(fusion.start()[None], torch.tensor([a, b]))
    assert scores.exp()[0].tolist() == pytest.approx([0.5, 0.3])
    after_a = states[:, 0]
    scores, _ = fusion.extend(after_a, torch.tensor([a, b]))
    backoff = 0.4 / 0.7
    assert scores.exp()[0].tolist() == pytest.approx([0.5 * backoff, 0.6])
    assert fusion.finish(after_a).exp().tolist() == pytest.approx([0.2 * backoff])
