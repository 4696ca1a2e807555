"""A dense experiment in miniature, its units and features, and checkpoints of it."""

from typing import Any

import torch

from moeasr.config import to_mapping
from moeasr.experiment.config import ExperimentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.text.tokenizer import Tokenizer

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd"]
TOKENIZER = Tokenizer.from_state(
    {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None}
)
DENSE = ExperimentConfig(
    model=ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
    )
)
FBANK = FbankConfig(num_mel_bins=20)


def content_of(experiment: ExperimentConfig, **changes: Any) -> dict[str, Any]:
    """Return the content of a checkpoint of a new model; a change to None leaves a part out."""
    torch.manual_seed(1)
    content = {
        "model": build_model(experiment.model, 20, len(UNITS)).state_dict(),
        "config": to_mapping(experiment),
        "tokenizer": dict(TOKENIZER.state()),
        "fbank": to_mapping(FBANK),
        "info": {},
        **changes,
    }
    return {key: value for key, value in content.items() if value is not None}
