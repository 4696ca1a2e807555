"""A teacher-forced pass over utterances with known transcripts, which returns all outputs."""

from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.models.asr import AsrModel
from moeasr.models.heads.attention_head import AttentionHead, add_sos_eos
from moeasr.nn.mask import make_valid_mask
from moeasr.nn.routing import Routing


class Inputs(NamedTuple):
    """The arguments of a training pass."""

    feats: Tensor
    """Raw log-mel features, (B, T, F)."""
    feats_lens: Tensor
    """Number of feature frames of each utterance, (B,)."""
    tokens: Tensor
    """Tokens of the transcripts, (B, U)."""
    tokens_lens: Tensor
    """Number of tokens of each utterance, (B,)."""
    languages: Tensor | None = None
    """Languages for language routers, (B,)."""


class Outputs(NamedTuple):
    """The outputs of a model for the valid frames and tokens of a batch."""

    scores: dict[str, Tensor]
    """Scores by description: CTC log-probabilities (frames, V) and logits of each decoder
    (tokens, V)."""
    routings: dict[str, Routing]
    """Routing of each MoE layer, by its path in the model."""


@torch.inference_mode()
def run_teacher_forced(model: AsrModel, inputs: Inputs, chunk_size: int = -1) -> Outputs:
    """Run the encoder, the CTC head, and the decoders with the transcripts as input.

    Args:
        model: A model in eval mode.
        inputs: One batch, whose features are cast to the model's type.
        chunk_size: Number of encoder frames per chunk; -1 for full context.
    """
    feats = inputs.feats.to(model.ctc.project.weight.dtype)
    encoded = model.encode(feats, inputs.feats_lens, chunk_size, languages=inputs.languages)
    enc, enc_lens, lens = encoded.enc, encoded.enc_lens, inputs.tokens_lens
    scores = {
        "CTC log-probabilities": model.ctc_log_probs(enc)[make_valid_mask(enc_lens, enc.size(1))]
    }
    routings = dict(encoded.routings)
    attention = model.all_heads.get("attention")
    if isinstance(attention, AttentionHead):
        for name, (decoder, tokens) in attention.inputs(inputs.tokens, lens).items():
            tokens_in, _ = add_sos_eos(tokens, lens, model.sos_eos)
            output = decoder(tokens_in, lens + 1, enc, enc_lens)
            valid = make_valid_mask(lens + 1, tokens_in.size(1))
            scores[f"{name.replace('_', ' ')} logits"] = output.logits[valid]
            routings |= {f"{name}.{path}": routing for path, routing in output.routings.items()}
    return Outputs(scores, routings)
