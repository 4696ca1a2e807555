"""The second pass: attention decoders rescore n-best lists (see `attention_scores`)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.decode.attention_scores import rescored
from moeasr.decode.hypothesis import Hypothesis
from moeasr.models.heads.attention_head import add_sos_eos, reverse_tokens
from moeasr.models.heads.decoder import TransformerDecoder


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
    """Rescore and sort the n-best lists of a batch in one pass of each decoder.

    Args:
        nbest: B lists of hypotheses with `ctc_score`.
        enc: (B, T', D).
        enc_lens: (B,).
        decoder: The left-to-right decoder.
        reverse_decoder: The right-to-left decoder; required if `reverse_weight` is above 0.
        sos_eos: Id of <sos/eos>.
        ctc_weight: Weight of the CTC score.
        reverse_weight: rho, between 0 and 1.

    Returns:
        B lists, best first, with `score` and `attention_score` as defined in `attention_scores`.
        `token_confidence` is the unweighted mean of both decoders' probabilities, independent of
        rho (as in WeNet).
    """
    if not any(nbest):
        return [[] for _ in nbest]
    tokens, tokens_lens = _pad(nbest, enc.device)
    log_probs = token_log_probs(decoder, tokens, tokens_lens, enc, enc_lens, sos_eos)
    scores, confidence = log_probs.sum(dim=1), log_probs[:, :-1].exp()
    if reverse_weight > 0:
        if reverse_decoder is None:
            raise ValueError("`reverse_weight` above 0 needs a right-to-left decoder")
        backwards = reverse_tokens(tokens, tokens_lens)
        right = token_log_probs(reverse_decoder, backwards, tokens_lens, enc, enc_lens, sos_eos)
        scores = (1 - reverse_weight) * scores + reverse_weight * right.sum(dim=1)
        confidence = (confidence + reverse_tokens(right[:, :-1], tokens_lens).exp()) / 2
    by_utt = zip(
        nbest,
        scores.view(len(nbest), -1).tolist(),
        confidence.view(len(nbest), -1, confidence.size(1)).tolist(),
    )
    return [rescored(*utt, ctc_weight) for utt in by_utt]


def token_log_probs(
    decoder: TransformerDecoder,
    tokens: Tensor,
    tokens_lens: Tensor,
    enc: Tensor,
    enc_lens: Tensor,
    sos_eos: int,
) -> Tensor:
    """Return the log-probability of each token of some sequences, and of their ends.

    Args:
        decoder: The decoder, which reads tokens in the given order.
        tokens: (N, U) tokens with any padding; each utterance has N / B consecutive rows.
        tokens_lens: (N,) lengths, which may be 0.
        enc: (B, T', D).
        enc_lens: (B,).
        sos_eos: Id of <sos/eos>.

    Returns:
        (N, U + 1) float64 log-probabilities of the tokens, then of the end, then zeros.
    """
    tokens_in, targets = add_sos_eos(tokens, tokens_lens, sos_eos)  # (N, U + 1)
    logits = decoder(tokens_in, tokens_lens + 1, enc, enc_lens).logits
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # (N, U + 1)
    is_target = torch.arange(targets.size(1), device=targets.device) <= tokens_lens[:, None]
    return -torch.where(is_target, losses, 0.0).double()


def _pad(nbest: Sequence[Sequence[Hypothesis]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (B * K, U) tokens padded with 0, and lengths (B * K,); short lists get empty rows."""
    num_rows = max(len(hypotheses) for hypotheses in nbest)
    num_tokens = max(len(hypothesis.tokens) for hypotheses in nbest for hypothesis in hypotheses)
    tokens = torch.zeros(len(nbest), num_rows, num_tokens, dtype=torch.int64)
    lengths = torch.zeros(len(nbest), num_rows, dtype=torch.int64)
    for utt, hypotheses in enumerate(nbest):
        for row, hypothesis in enumerate(hypotheses):
            lengths[utt, row] = len(hypothesis.tokens)
            tokens[utt, row, : len(hypothesis.tokens)] = torch.tensor(hypothesis.tokens).long()
    return tokens.flatten(0, 1).to(device), lengths.flatten().to(device)
