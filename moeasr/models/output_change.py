"""What two models say about the same utterances, and how far apart it is."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.models.asr import AsrModel, add_sos_eos, reverse_tokens
from moeasr.nn.mask import make_valid_mask
from moeasr.nn.routing import Routing


class Inputs(NamedTuple):
    """The arguments of a training pass."""

    feats: Tensor
    """(B, T, F) raw log-mel features."""
    feats_lens: Tensor
    """(B,)."""
    tokens: Tensor
    """(B, U)."""
    tokens_lens: Tensor
    """(B,)."""
    languages: Tensor | None = None
    """(B,), for language routers."""


class Outputs(NamedTuple):
    """What a model says of the valid frames and tokens of a batch."""

    scores: dict[str, Tensor]
    """By what they are: CTC log-probabilities (frames, V), logits of each decoder (tokens, V)."""
    routings: tuple[Routing, ...]
    """One per MoE layer, in the order of `AsrModel.moe_layers`."""


class Change(NamedTuple):
    """How far one kind of output has moved."""

    largest: float
    """Absolute difference."""
    mean: float
    """Absolute difference."""


@torch.inference_mode()
def run_teacher_forced(model: AsrModel, inputs: Inputs) -> Outputs:
    """Encoder, CTC head and decoders, these given the transcripts, with full context.

    Args:
        model: In eval mode.
        inputs: One batch; features are cast to the model's type.
    """
    feats = inputs.feats.to(model.ctc.project.weight.dtype)
    encoded = model.encode(feats, inputs.feats_lens, languages=inputs.languages)
    enc, enc_lens, lens = encoded.enc, encoded.enc_lens, inputs.tokens_lens
    scores = {
        "CTC log-probabilities": model.ctc_log_probs(enc)[make_valid_mask(enc_lens, enc.size(1))]
    }
    routings = encoded.routings
    for what, decoder, tokens in (
        ("decoder logits", model.decoder, inputs.tokens),
        ("reverse decoder logits", model.reverse_decoder, reverse_tokens(inputs.tokens, lens)),
    ):
        if decoder is not None:
            tokens_in, _ = add_sos_eos(tokens, lens, model.sos_eos)
            output = decoder(tokens_in, lens + 1, enc, enc_lens)
            scores[what] = output.logits[make_valid_mask(lens + 1, tokens_in.size(1))]
            routings += output.routings
    return Outputs(scores, routings)


def measure_change(
    before: AsrModel, after: AsrModel, batches: Iterable[Inputs]
) -> dict[str, Change]:
    """Largest and mean absolute difference of each kind of output.

    Args:
        before: In eval mode, like `after`.
        after: A model of the same units and decoders.
        batches: At least one.
    """
    largest: dict[str, float] = {}
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for inputs in batches:
        old, new = (run_teacher_forced(model, inputs).scores for model in (before, after))
        for what in old:
            difference = (new[what] - old[what]).abs()
            largest[what] = max(largest.get(what, 0.0), float(difference.max()))
            total[what] = total.get(what, 0.0) + float(difference.sum())
            count[what] = count.get(what, 0) + difference.numel()
    return {what: Change(largest[what], total[what] / count[what]) for what in largest}
