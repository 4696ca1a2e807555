"""WER and CER: known values, missing hypotheses, and the results of NIST sclite."""

import random
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import jiwer
import pytest

from moeasr.errors import InputError
from moeasr.score.error_rate import (
    ErrorRate,
    Pair,
    character_error_rate,
    group_by_speaker,
    pair_up,
    require_hypotheses,
    word_error_rate,
)
from moeasr.score.trn import trn_text

SCLITE = [shutil.which("sclite")] if shutil.which("sclite") else ["sctk", "sclite"]
needs_sclite = pytest.mark.skipif(
    not (shutil.which("sclite") or shutil.which("sctk")),
    reason="NIST sclite is not installed (Debian package sctk)",
)


def csdi(rate: ErrorRate) -> tuple[int, int, int, int]:
    """Return correct, substituted, deleted and inserted words, in sclite's order."""
    total = rate.total
    return total.hits, total.subs, total.dels, total.ins


def weighted_csdi(ref: list[str], hyp: list[str]) -> tuple[int, int, int, int]:
    """Count operations by sclite's rule: a substitution costs 4, an insertion or deletion 3."""

    @cache
    def best(i: int, j: int) -> tuple[int, tuple[int, int, int, int]]:
        options = []
        if i and j:
            same = ref[i - 1] == hyp[j - 1]
            cost, (c, s, d, n) = best(i - 1, j - 1)
            options.append((cost + (0 if same else 4), (c + same, s + (not same), d, n)))
        if i:
            cost, (c, s, d, n) = best(i - 1, j)
            options.append((cost + 3, (c, s, d + 1, n)))
        if j:
            cost, (c, s, d, n) = best(i, j - 1)
            options.append((cost + 3, (c, s, d, n + 1)))
        return min(options, key=lambda option: option[0]) if options else (0, (0, 0, 0, 0))

    return best(len(ref), len(hyp))[1]


# Checked by hand and with sclite 2.10: reference, hypothesis, our C S D I, sclite's C S D I.
SCLITE_CASES = [
    ("a b c", "a x c d", (2, 1, 0, 1), (2, 1, 0, 1)),
    ("", "x", (0, 0, 0, 1), (0, 0, 0, 1)),
    ("x y", "", (0, 0, 2, 0), (0, 0, 2, 0)),
    # Equal numbers of errors: 2 substitutions cost 8, a deletion and an insertion cost 6.
    ("a b", "b c", (0, 2, 0, 0), (1, 0, 1, 1)),
    # One error more than necessary: 5 substitutions cost 20, 3 deletions and 3 insertions 18.
    ("x y z a b", "a b u v w", (0, 5, 0, 0), (2, 0, 3, 3)),
]


def random_test_set(seed: int, num_utts: int, noise: float) -> list[Pair]:
    """Return references and hypotheses with random errors, which sclite can read."""
    generator = random.Random(seed)
    words = [f"w{i}" for i in range(60)] + ["a", "A", "caf\u00e9"]
    pairs = []
    for number in range(num_utts):
        ref = generator.choices(words, k=generator.randint(0, 12))
        hyp = []
        for word in ref:
            draw = generator.random()
            if draw >= 0.3 * noise:
                hyp.append(generator.choice(words) if draw < 0.7 * noise else word)
            if draw > 1 - 0.3 * noise:
                hyp.append(generator.choice(words))
        pairs.append(Pair(f"s{number % 7}-{number:03d}", " ".join(ref), " ".join(hyp)))
    return pairs


def sclite_sums(pairs: list[Pair], directory: Path) -> list[int]:
    """Return sclite's sums: utterances, words, C, S, D, I, errors and wrong utterances."""
    utt2spk = {pair.utt_id: pair.utt_id.split("-")[0] for pair in pairs}
    for name, texts in (
        ("ref.trn", [(pair.utt_id, pair.ref) for pair in pairs]),
        ("hyp.trn", [(pair.utt_id, pair.hyp) for pair in pairs]),
    ):
        (directory / name).write_text(trn_text(texts, utt2spk), encoding="utf-8")
    command = [*SCLITE, "-s", "-i", "rm", "-r", "ref.trn", "trn", "-h", "hyp.trn", "trn"]
    done = subprocess.run(
        [*command, "-o", "rsum", "stdout"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if re.match(r"\s*\| Sum\b", line))
    return [int(number) for number in re.findall(r"\d+", line)]


@pytest.mark.parametrize(("ref", "hyp", "ours", "theirs"), SCLITE_CASES)
def test_kinds_of_errors_here_and_in_sclite(ref: str, hyp: str, ours: tuple, theirs: tuple) -> None:
    pair = Pair("s-1", ref, hyp)
    assert csdi(word_error_rate([pair])) == ours
    assert weighted_csdi(ref.split(), hyp.split()) == theirs


@needs_sclite
@pytest.mark.parametrize(("ref", "hyp", "ours", "theirs"), SCLITE_CASES)
def test_stored_counts_of_sclite_equal_its_output(
    ref: str, hyp: str, ours: tuple, theirs: tuple, tmp_path: Path
) -> None:
    sums = sclite_sums([Pair("s-1", ref, hyp)], tmp_path)
    assert tuple(sums[2:6]) == theirs


@needs_sclite
@pytest.mark.parametrize("noise", [0.1, 0.3, 0.6])
def test_totals_equal_sclite_on_random_sets(noise: float, tmp_path: Path) -> None:
    pairs = random_test_set(seed=3, num_utts=300, noise=noise)
    rate = word_error_rate(pairs)
    num_utts, num_words, *_, errors, wrong_utts = sclite_sums(pairs, tmp_path)
    assert (num_utts, num_words) == (300, rate.total.num_ref)
    assert (errors, wrong_utts) == (rate.total.num_errors, rate.num_wrong_utts)
    assert errors > 100


@needs_sclite
def test_sclite_scores_a_text_that_looks_like_a_comment(tmp_path: Path) -> None:
    pairs = [Pair("s-1", ";; a b", "a b"), Pair("s-2", "c", ";;c c"), Pair("s-3", ";;", ";;")]
    assert sclite_sums(pairs, tmp_path)[:7] == [3, 5, 4, 0, 1, 1, 2]


def test_totals_and_rates_equal_jiwer() -> None:
    pairs = [pair for pair in random_test_set(seed=4, num_utts=200, noise=0.4) if pair.ref]
    refs, hyps = [pair.ref for pair in pairs], [pair.hyp for pair in pairs]
    assert word_error_rate(pairs).percent == pytest.approx(100 * jiwer.wer(refs, hyps), abs=1e-12)
    golden = jiwer.process_characters(refs, hyps)
    chars = character_error_rate(pairs)
    assert chars.percent == pytest.approx(100 * golden.cer, abs=1e-12)
    assert csdi(chars) == (
        golden.hits,
        golden.substitutions,
        golden.deletions,
        golden.insertions,
    )


def test_character_error_rate_with_and_without_spaces() -> None:
    pairs = [Pair("u", "ab cd", "abcd")]
    assert character_error_rate(pairs).percent == pytest.approx(20.0)  # 1 space of 5 characters
    assert character_error_rate(pairs).utterances[0].steps[2].ref == "<space>"
    assert character_error_rate(pairs, count_spaces=False).percent == 0.0


def test_non_linguistic_symbols_are_one_character() -> None:
    pairs = [Pair("u", "a <noise>", "a<unk>")]
    rate = character_error_rate(pairs, non_lang_syms=["<noise>"])
    # a is correct; <noise> or the space replaces <unk>, and the other one is deleted
    assert csdi(rate) == (1, 1, 1, 0)
    assert character_error_rate(pairs).total.num_ref == len("a <noise>")


def test_intervals_of_words_and_characters_sample_utterances() -> None:
    """8 of 16 utterances are wrong in all five words or letters, as in `test_bootstrap.py`."""
    pairs = [Pair(f"u{n}", "a b c d e", "v w x y z" if n % 2 else "a b c d e") for n in range(16)]
    assert word_error_rate(pairs).interval() == (25.0, 75.0)
    assert character_error_rate(pairs, count_spaces=False).interval() == (25.0, 75.0)


def test_counts_are_grouped_by_speaker_and_speakers_must_be_known() -> None:
    pairs = [Pair("b-1", "x y", "x"), Pair("a-1", "x", "x"), Pair("b-2", "", "z")]
    rate = word_error_rate(pairs)
    groups = group_by_speaker(rate, {"a-1": "a", "b-1": "b", "b-2": "b"})
    assert list(groups) == ["a", "b"]
    assert [utterance.counts.num_errors for utterance in groups["b"]] == [1, 1]
    assert rate.num_wrong_utts == 2
    with pytest.raises(InputError, match="'b-2' has no speaker"):
        group_by_speaker(rate, {"a-1": "a", "b-1": "b"})


def test_missing_hypotheses_are_refused_ignored_or_counted_as_deletions() -> None:
    refs = {f"u{i}": "a b" for i in range(8)}
    hyps = {"u0": "a b", "u1": "a", "foreign": "x"}
    with pytest.raises(InputError, match="6 of 8 utterances have no hypothesis: u2 u3 u4 u5 u6"):
        pair_up(refs, hyps)
    assert pair_up(refs, hyps, "present") == [Pair("u0", "a b", "a b"), Pair("u1", "a b", "a")]
    assert word_error_rate(pair_up(refs, hyps, "all")).total.dels == 13
    pairs = pair_up({"b": "x", "a": "y"}, {"a": "y", "b": "z"})
    assert pairs == [Pair("b", "x", "z"), Pair("a", "y", "y")]  # in the order of the references


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(InputError, match="^none of the references has a hypothesis$"):
        pair_up({"v": "a"}, {"u": "a"}, "present")
    with pytest.raises(
        InputError, match=r"^6 of 9 utterances have no hypothesis: a b c d e \.{3}$"
    ):
        require_hypotheses(9, list("abcdef"))
    require_hypotheses(9, [])


def test_references_without_words_have_no_error_rate_but_insertions() -> None:
    """sclite prints 0.0 % and the counts: `pct(num, dem)` is 0 if dem is 0."""
    rate = word_error_rate(pair_up({"u": "", "v": ""}, {"u": "so so", "v": ""}))
    assert (rate.percent, rate.interval(), rate.total.ins, rate.num_wrong_utts) == (
        *(0.0, (0.0, 0.0)),
        *(2, 1),
    )


@pytest.mark.parametrize(
    ("ref", "hyp", "num_errors", "num_words"),
    [
        ("the cat sat", "the hat", 2, 3),
        ("the cat", "the  cat", 0, 2),
        ("", "so", 1, 0),
        ("你好世界", "你号世界", 1, 4),
        ("你好 世界", "你好世界", 0, 4),  # spaces are no characters
        ("打开WENET网站", "打开wenet网站", 1, 5),
    ],
)
def test_a_word_is_a_character_where_the_script_has_no_spaces(ref, hyp, num_errors, num_words):
    found = word_error_rate([Pair("u1", ref, hyp)]).total
    assert (found.num_errors, found.num_ref) == (num_errors, num_words)
