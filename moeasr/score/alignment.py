"""Alignment of references and hypotheses, token by token, on top of jiwer."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

import jiwer

Operation = Literal["C", "S", "I", "D"]


class Step(NamedTuple):
    """One column of an alignment."""

    operation: Operation
    """C for correct, S for substituted, I for inserted, D for deleted."""
    ref: str | None
    """Token of the reference; None for an insertion."""
    hyp: str | None
    """Token of the hypothesis; None for a deletion."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """The numbers of correct and wrong tokens in one or more utterances."""

    hits: int = 0
    """Number of correct tokens."""
    subs: int = 0
    """Number of substitutions."""
    dels: int = 0
    """Number of deletions."""
    ins: int = 0
    """Number of insertions."""

    @property
    def num_ref(self) -> int:
        """Number of tokens in the reference."""
        return self.hits + self.subs + self.dels

    @property
    def num_errors(self) -> int:
        """Number of substitutions, deletions and insertions."""
        return self.subs + self.dels + self.ins

    @property
    def percent(self) -> float:
        """Error rate in percent of the reference's tokens; 0 without such tokens, as in sclite."""
        return 100.0 * self.num_errors / self.num_ref if self.num_ref else 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            hits=self.hits + other.hits,
            subs=self.subs + other.subs,
            dels=self.dels + other.dels,
            ins=self.ins + other.ins,
        )


def align(refs: Sequence[Sequence[str]], hyps: Sequence[Sequence[str]]) -> list[list[Step]]:
    """Align each hypothesis with its reference with the minimum number of errors.

    Args:
        refs: Token lists of the references, which may be empty.
        hyps: Token lists of the hypotheses, in the same order.

    Returns:
        The steps of each pair, in order.
    """
    if not refs and not hyps:
        return []
    # jiwer splits sentences into words by default; these are tokens already
    output = jiwer.process_words(
        [list(ref) for ref in refs],
        [list(hyp) for hyp in hyps],
        reference_transform=list,
        hypothesis_transform=list,
    )
    return [_steps(chunks, ref, hyp) for chunks, ref, hyp in zip(output.alignments, refs, hyps)]


def count(steps: Sequence[Step]) -> Counts:
    """Count the correct, substituted, deleted and inserted tokens of an alignment."""
    operations = [step.operation for step in steps]
    return Counts(
        hits=operations.count("C"),
        subs=operations.count("S"),
        dels=operations.count("D"),
        ins=operations.count("I"),
    )


def _steps(
    chunks: Sequence[jiwer.AlignmentChunk], ref: Sequence[str], hyp: Sequence[str]
) -> list[Step]:
    """Convert jiwer's runs of equal operations into one step per token."""
    steps: list[Step] = []
    for chunk in chunks:
        ref_part = ref[chunk.ref_start_idx : chunk.ref_end_idx]
        hyp_part = hyp[chunk.hyp_start_idx : chunk.hyp_end_idx]
        if chunk.type == "insert":
            steps.extend(Step("I", None, token) for token in hyp_part)
        elif chunk.type == "delete":
            steps.extend(Step("D", token, None) for token in ref_part)
        else:
            operation: Operation = "C" if chunk.type == "equal" else "S"
            steps.extend(Step(operation, *pair) for pair in zip(ref_part, hyp_part))
    return steps
