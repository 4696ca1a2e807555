"""Forced alignment: the frames of each token of a hypothesis on the best CTC alignment."""

from collections.abc import Sequence

import torch
import torchaudio.functional
from torch import Tensor

from moeasr.decode.ctc.token_alignment import Alignment, can_align, read_path, with_alignment
from moeasr.decode.hypothesis import Hypothesis


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
    if not can_align(tokens, log_probs.size(0), blank):
        return None
    targets = torch.tensor([tokens], dtype=torch.int32, device=log_probs.device)
    dtype = torch.promote_types(log_probs.dtype, torch.float32)
    paths, scores = torchaudio.functional.forced_align(
        log_probs[None].to(dtype), targets, blank=blank
    )
    return read_path(paths[0].tolist(), scores[0].tolist(), blank)


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
            alignment = align_tokens(utt_log_probs[:length], hypotheses[0].tokens, blank)
            hypotheses = [with_alignment(hypotheses[0], alignment), *hypotheses[1:]]
        aligned.append(hypotheses)
    return aligned
