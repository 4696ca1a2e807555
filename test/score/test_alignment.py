"""Alignments: known cases, a slow reference implementation, and totals of jiwer."""

import random
from functools import cache

import jiwer
import pytest

from moeasr.score.alignment import Counts, Step, align, count


def slow_distance(ref: tuple[str, ...], hyp: tuple[str, ...]) -> int:
    """Compute the edit distance by the textbook recursion."""

    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        diagonal = distance(i - 1, j - 1) + (ref[i - 1] != hyp[j - 1])
        return min(diagonal, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(ref), len(hyp))


def random_pairs(num_pairs: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Return short token lists over few tokens, so that many alignments have the same cost."""
    generator = random.Random(seed)
    return [
        tuple(generator.choices("abcd", k=generator.randint(0, 8)) for _ in range(2))
        for _ in range(num_pairs)
    ]


@pytest.mark.parametrize(
    ("ref", "hyp", "operations"),
    [
        ("a b c", "a b c", "CCC"),
        ("a b c", "a x c", "CSC"),
        ("a b c", "a c", "CDC"),
        ("a c", "a b c", "CIC"),
        ("", "x y", "II"),
        ("x y", "", "DD"),
        ("", "", ""),
    ],
)
def test_known_alignments(ref: str, hyp: str, operations: str) -> None:
    steps = align([ref.split()], [hyp.split()])[0]
    assert "".join(step.operation for step in steps) == operations


def test_steps_contain_both_tokens() -> None:
    steps = align([["a", "b"]], [["x", "b", "c"]])[0]
    assert steps == [Step("S", "a", "x"), Step("C", "b", "b"), Step("I", None, "c")]
    assert align([], []) == []


def test_alignments_contain_all_tokens_and_have_the_least_cost() -> None:
    pairs = random_pairs(300, seed=1)
    for (ref, hyp), steps in zip(pairs, align(*map(list, zip(*pairs)))):
        assert [step.ref for step in steps if step.ref is not None] == ref
        assert [step.hyp for step in steps if step.hyp is not None] == hyp
        for step in steps:
            assert (step.operation == "C") == (step.ref == step.hyp)
            assert (step.operation == "I") == (step.ref is None)
            assert (step.operation == "D") == (step.hyp is None)
        counts = count(steps)
        assert counts.num_errors == slow_distance(tuple(ref), tuple(hyp))
        assert counts.num_ref == len(ref)


def test_totals_equal_jiwer_on_sentences() -> None:
    pairs = [pair for pair in random_pairs(200, seed=2) if pair[0]]
    refs, hyps = zip(*pairs)
    golden = jiwer.process_words([" ".join(ref) for ref in refs], [" ".join(hyp) for hyp in hyps])
    total = sum(map(count, align(refs, hyps)), Counts())
    assert (total.hits, total.subs, total.dels, total.ins) == (
        golden.hits,
        golden.substitutions,
        golden.deletions,
        golden.insertions,
    )
    assert total.percent == pytest.approx(100 * golden.wer, abs=1e-12)
