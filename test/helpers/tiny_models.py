"""Models that are built in milliseconds."""

import torch

from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig


def tiny_model(
    ctc_weight: float = 0.3, reverse_weight: float = 0.3, num_reverse_blocks: int = 1, **encoder
) -> AsrModel:
    """Build a model of one block per stack with 6 units, in float64."""
    torch.manual_seed(1)
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2, **encoder),
        decoder=DecoderConfig(num_blocks=1, num_heads=2, num_reverse_blocks=num_reverse_blocks),
        ctc_weight=ctc_weight,
        reverse_weight=reverse_weight,
    )
    return build_model(config, num_mel_bins=8, vocab_size=6).double().eval()
