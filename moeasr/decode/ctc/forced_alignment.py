"""Forced alignment: the frames of each token of a hypothesis on the best CTC alignment."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
import torchaudio.functional
from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis


class Alignment(NamedTuple):
    """The frames of the tokens on an alignment."""

    frames: tuple[int, ...]
    """Frame within each token's run in which the token is most probable, the first of several."""
    spans: tuple[tuple[int, int], ...]
    """First frame of each token's run, and the frame after its last."""
    confidence: tuple[float, ...]
    """Posterior of each token in its frame."""


def align_tokens(log_probs: Tensor, tokens: Sequence[int], blank: int = 0) -> Alignment | None:
    """Return the best (Viterbi) CTC alignment of some tokens.

    Args:
        log_probs: (T', V) log-probabilities of one utterance, without padding.
        tokens: Unit ids.
        blank: Id of the blank.

    Returns:
        The alignment. None if there are too few frames for the tokens, or if a blank is among the
        tokens. An attention decoder may produce such hypotheses.
    """
    if not tokens:
        return Alignment((), (), ())
    num_repeats = sum(left == right for left, right in zip(tokens, tokens[1:]))
    if blank in tokens or len(tokens) + num_repeats > log_probs.size(0):
        return None
    targets = torch.tensor([tokens], dtype=torch.int32, device=log_probs.device)
    dtype = torch.promote_types(log_probs.dtype, torch.float32)
    paths, scores = torchaudio.functional.forced_align(
        log_probs[None].to(dtype), targets, blank=blank
    )
    path, values = paths[0].tolist(), scores[0].tolist()
    runs = [list(run) for _, run in groupby(range(len(path)), key=path.__getitem__)]
    runs = [run for run in runs if path[run[0]] != blank]
    frames = tuple(max(run, key=values.__getitem__) for run in runs)
    return Alignment(
        frames=frames,
        spans=tuple((run[0], run[-1] + 1) for run in runs),
        confidence=tuple(math.exp(values[frame]) for frame in frames),
    )


def align_best(
    nbest: Sequence[list[Hypothesis]], log_probs: Tensor, enc_lens: Tensor, blank: int = 0
) -> list[list[Hypothesis]]:
    """Add the alignment to the first hypothesis of each list, and token confidence if missing.

    Args:
        nbest: B lists, best first.
        log_probs: (B, T', V).
        enc_lens: (B,).
        blank: Id of the blank.
    """
    aligned = []
    for hypotheses, utt_log_probs, length in zip(nbest, log_probs, enc_lens.tolist()):
        if hypotheses and hypotheses[0].spans is None:
            best = hypotheses[0]
            alignment = align_tokens(utt_log_probs[:length], best.tokens, blank)
            if alignment is not None:
                found = best.token_confidence
                best = dataclasses.replace(
                    best,
                    frames=alignment.frames,
                    spans=alignment.spans,
                    token_confidence=alignment.confidence if found is None else found,
                )
            hypotheses = [best, *hypotheses[1:]]
        aligned.append(hypotheses)
    return aligned
