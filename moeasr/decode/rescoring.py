"""Second pass: attention decoders judge the n-best lists of the CTC prefix search.

With l2r and r2l the log-probabilities of a hypothesis under both decoders, the end included, and
rho the reverse weight (U2++, arXiv 2106.05642, section 2.4; WeNet's arithmetic):

    attention = (1 - rho) l2r + rho r2l
    score = attention + ctc_weight * ctc
"""

import dataclasses
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.decode.hypothesis import Hypothesis
from moeasr.models.asr import add_sos_eos, reverse_tokens
from moeasr.models.decoder import TransformerDecoder


@torch.inference_mode()
def attention_rescoring(
    nbest: Sequence[Sequence[Hypothesis]],
    enc: Tensor,
    enc_lens: Tensor,
    decoder: TransformerDecoder,
    reverse_decoder: TransformerDecoder | None,
    sos_eos: int,
    ctc_weight: float,
    reverse_weight: float,
) -> list[list[Hypothesis]]:
    """Rescore and re-sort n-best lists, all of a batch in one pass of each decoder.

    Args:
        nbest: B lists of hypotheses with `ctc_score`.
        enc: (B, T', D).
        enc_lens: (B,).
        decoder: Left to right.
        reverse_decoder: Right to left; needed if `reverse_weight` is above 0.
        sos_eos: Id of <sos/eos>.
        ctc_weight: Weight of the CTC score.
        reverse_weight: rho, between 0 and 1.

    Returns:
        B lists, best first, with `score` and `attention_score` as above.
    """
    flat = [hypothesis for hypotheses in nbest for hypothesis in hypotheses]
    if not flat:
        return [[] for _ in nbest]
    counts = torch.tensor([len(hypotheses) for hypotheses in nbest], device=enc.device)
    enc = enc.repeat_interleave(counts, dim=0)  # (N, T', D)
    enc_lens = enc_lens.repeat_interleave(counts)
    tokens, tokens_lens = _pad([hypothesis.tokens for hypothesis in flat], enc.device)
    scores = score_tokens(decoder, tokens, tokens_lens, enc, enc_lens, sos_eos)
    if reverse_weight > 0:
        if reverse_decoder is None:
            raise ValueError("`reverse_weight` above 0 needs a right-to-left decoder")
        backwards = reverse_tokens(tokens, tokens_lens)
        right = score_tokens(reverse_decoder, backwards, tokens_lens, enc, enc_lens, sos_eos)
        scores = (1 - reverse_weight) * scores + reverse_weight * right
    rescored = iter(
        dataclasses.replace(
            hypothesis,
            score=attention + ctc_weight * hypothesis.ctc_score,
            attention_score=attention,
        )
        for hypothesis, attention in zip(flat, scores.tolist())
    )
    return [
        sorted((next(rescored) for _ in hypotheses), key=lambda h: h.score, reverse=True)
        for hypotheses in nbest
    ]


def score_tokens(
    decoder: TransformerDecoder,
    tokens: Tensor,
    tokens_lens: Tensor,
    enc: Tensor,
    enc_lens: Tensor,
    sos_eos: int,
) -> Tensor:
    """Log-probability of each token sequence and its end under a decoder.

    Args:
        decoder: Reads tokens in the order they are given.
        tokens: (N, U), padded with anything.
        tokens_lens: (N,), may be 0.
        enc: (N, T', D).
        enc_lens: (N,).
        sos_eos: Id of <sos/eos>.

    Returns:
        (N,) float64.
    """
    tokens_in, targets = add_sos_eos(tokens, tokens_lens, sos_eos)  # (N, U + 1)
    logits = decoder(tokens_in, tokens_lens + 1, enc, enc_lens).logits
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # (N, U + 1)
    is_target = torch.arange(targets.size(1), device=targets.device) <= tokens_lens[:, None]
    return -torch.where(is_target, losses, 0.0).double().sum(dim=1)


def _pad(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """(N, U) tokens padded with 0, and their lengths (N,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    tokens = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.int64)
    for row, sequence in zip(tokens, sequences):
        row[: len(sequence)] = torch.tensor(sequence, dtype=torch.int64)
    return tokens.to(device), lengths.to(device)
