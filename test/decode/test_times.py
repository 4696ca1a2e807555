"""Times of tokens and words from known alignments, for each kind of unit."""

import pytest
import torch

from moeasr.decode.ctc.forced_alignment import align_best
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.times import Timed, times_of, write_ctm
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

TEXT = "go on"


def said(tokenizer, kind):
    """Return TEXT as an aligned hypothesis with known times and probabilities.

    Token `n` covers frames 3n + 2 and 3n + 3, with probability 0.8 in the first frame and from 0.9
    downwards in the second.
    """
    tokens = tokenizer.encode(TEXT)
    assert kind != "bpe" or 1 < len(tokens) < len(TEXT)
    num_frames = 3 * len(tokens) + 4
    log_probs = torch.full((1, num_frames, tokenizer.vocab_size), -20.0, dtype=torch.float64)
    log_probs[:, :, 0] = 0.0
    for place, token in enumerate(tokens):
        log_probs[0, 3 * place + 2 : 3 * place + 4, 0] = -20.0
        log_probs[0, 3 * place + 2, token] = torch.tensor(0.8).log()
        log_probs[0, 3 * place + 3, token] = torch.tensor(0.9 - 0.1 * place / len(tokens)).log()
    nbest = [[Hypothesis(tokens=tuple(tokens), score=0.0)]]
    ((hypothesis,),) = align_best(nbest, log_probs, torch.tensor([num_frames]))
    return hypothesis


@pytest.mark.parametrize(("kind", "vocab_size"), [("char", None), ("bpe", 10), ("word", None)])
def test_times_and_confidence_of_a_known_alignment(kind, vocab_size):
    tokenizer = build_tokenizer(["go on go on", "no"], kind, vocab_size)
    hypothesis = said(tokenizer, kind)
    times = times_of(hypothesis, tokenizer, 0.03)
    assert [item.text for item in times.tokens] == [tokenizer.units[t] for t in hypothesis.tokens]
    for place, item in enumerate(times.tokens):
        assert item.start_sec == pytest.approx(0.03 * (3 * place + 2))
        assert item.end_sec == pytest.approx(0.03 * (3 * place + 4))
        assert item.confidence == pytest.approx(0.9 - 0.1 * place / len(times.tokens))
    first, second = times.words
    assert (first.text, second.text) == ("go", "on")
    groups = {"char": ([0, 1], [3, 4]), "word": ([0], [1])}.get(kind)
    if groups is None:
        groups = [places for _, places in tokenizer.words(hypothesis.tokens)]
        spaces = [place for place, item in enumerate(times.tokens) if item.text == "\u2581"]
        assert sorted(sum(groups, spaces)) == list(range(len(hypothesis.tokens)))
    for word, places in zip(times.words, groups):
        tokens = [times.tokens[place] for place in places]
        assert word.start_sec == tokens[0].start_sec
        assert word.end_sec == tokens[-1].end_sec
        assert word.confidence == min(token.confidence for token in tokens)


def test_each_character_of_a_script_without_spaces_has_its_own_times():
    units = ["<blank>", "<unk>", "<sos/eos>", "ab", "买", "我要c"]
    tokenizer = Tokenizer(TokenizerConfig(type="char"), units)
    hypothesis = Hypothesis(
        tokens=(3, 4, 5, 3),
        score=0.0,
        spans=((1, 3), (3, 4), (5, 11), (12, 14)),
        token_confidence=(0.9, 0.8, 0.7, 0.6),
    )
    found = [
        (word.text, round(word.start_sec, 9), round(word.end_sec, 9), word.confidence)
        for word in times_of(hypothesis, tokenizer, 1.0).words
    ]
    assert found == [
        ("ab", 1, 3, 0.9),
        ("买", 3, 4, 0.8),
        ("我", 5, 7, 0.7),
        ("要", 7, 9, 0.7),
        ("cab", 9, 14, 0.6),
    ]


def test_hypotheses_without_tokens_or_without_alignment():
    tokenizer = build_tokenizer([TEXT], "char")
    assert times_of(Hypothesis(tokens=(3,), score=0.0), tokenizer, 0.04) is None
    silent = Hypothesis(tokens=(), score=0.0, spans=(), token_confidence=())
    assert times_of(silent, tokenizer, 0.04) == ([], [])


def test_a_ctm_file_is_written(tmp_path):
    words = {"u2": [Timed("yes", 0.12, 0.6, 0.987), Timed("<unk>", 1.0, 1.04, 0.5)], "u1": []}
    write_ctm(tmp_path / "ctm", words)
    expected = "u2 1 0.12 0.48 yes 0.99\nu2 1 1.00 0.04 <unk> 0.50\n"
    assert (tmp_path / "ctm").read_text() == expected
