"""CTC alignments, which tell the frames of each token of a hypothesis. It does not import torch."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from moeasr.decode.hypothesis import Hypothesis


class Alignment(NamedTuple):
    """The frames that a CTC alignment gives to the tokens of a hypothesis."""

    frames: tuple[int, ...]
    """Frame within each token's run in which the token is most probable, the first of several."""
    spans: tuple[tuple[int, int], ...]
    """First frame of each token's run, and the frame after its last."""
    confidence: tuple[float, ...]
    """Posterior of each token in its frame."""


def can_align(tokens: Sequence[int], num_frames: int, blank: int = 0) -> bool:
    """Return whether an alignment exists.

    It does not if there are too few frames for the tokens, or if a blank is among the tokens. An
    attention decoder may produce such hypotheses.
    """
    num_repeats = sum(left == right for left, right in zip(tokens, tokens[1:]))
    return blank not in tokens and len(tokens) + num_repeats <= num_frames


def read_path(path: Sequence[int], values: Sequence[float], blank: int = 0) -> Alignment:
    """Return the frames of the tokens on an alignment path.

    Args:
        path: The label of each frame.
        values: The log-probability of each label in its frame.
        blank: Id of the blank.
    """
    runs = [list(run) for _, run in groupby(range(len(path)), key=path.__getitem__)]
    runs = [run for run in runs if path[run[0]] != blank]
    frames = tuple(max(run, key=values.__getitem__) for run in runs)
    return Alignment(
        frames=frames,
        spans=tuple((run[0], run[-1] + 1) for run in runs),
        confidence=tuple(math.exp(values[frame]) for frame in frames),
    )


def with_alignment(hypothesis: Hypothesis, alignment: Alignment | None) -> Hypothesis:
    """Return a hypothesis with its alignment, if there is one, and token confidence if missing."""
    if alignment is None:
        return hypothesis
    found = hypothesis.token_confidence
    return dataclasses.replace(
        hypothesis,
        frames=alignment.frames,
        spans=alignment.spans,
        token_confidence=alignment.confidence if found is None else found,
    )
