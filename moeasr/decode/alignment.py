"""When each token of a hypothesis was said: its place on the best CTC alignment."""

import dataclasses
from collections.abc import Sequence

import torch
import torchaudio.functional
from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis


def token_frames(
    log_probs: Tensor, tokens: Sequence[int], blank: int = 0
) -> tuple[int, ...] | None:
    """For each token, the likeliest frame of its run on the best (Viterbi) alignment.

    Args:
        log_probs: (T', V) log-probabilities of one utterance, without padding.
        tokens: Unit ids, no blanks.
        blank: Id of the blank.

    Returns:
        One frame per token, rising; None if the frames are too few for the tokens, or a blank is
        among them (a decoder may write more than CTC can).
    """
    if not tokens:
        return ()
    if blank in tokens:
        return None
    num_repeats = sum(left == right for left, right in zip(tokens, tokens[1:]))
    if len(tokens) + num_repeats > log_probs.size(0):
        return None
    targets = torch.tensor([tokens], dtype=torch.int32, device=log_probs.device)
    dtype = torch.promote_types(log_probs.dtype, torch.float32)
    paths, values = torchaudio.functional.forced_align(
        log_probs[None].to(dtype), targets, blank=blank
    )
    frames: list[int] = []
    best_value, previous = 0.0, blank
    for frame, (label, value) in enumerate(zip(paths[0].tolist(), values[0].tolist())):
        if label != blank and label != previous:
            frames.append(frame)
            best_value = value
        elif label != blank and value > best_value:
            frames[-1], best_value = frame, value
        previous = label
    return tuple(frames)


def align_best(
    nbest: Sequence[list[Hypothesis]], log_probs: Tensor, enc_lens: Tensor, blank: int = 0
) -> list[list[Hypothesis]]:
    """Give the first hypothesis of each list its frames, if it has none yet.

    Args:
        nbest: B lists, best first.
        log_probs: (B, T', V).
        enc_lens: (B,).
        blank: Id of the blank.
    """
    aligned = []
    for hypotheses, utt_log_probs, length in zip(nbest, log_probs, enc_lens.tolist()):
        if hypotheses and hypotheses[0].frames is None:
            best = hypotheses[0]
            frames = token_frames(utt_log_probs[:length], best.tokens, blank)
            hypotheses = [dataclasses.replace(best, frames=frames), *hypotheses[1:]]
        aligned.append(hypotheses)
    return aligned
