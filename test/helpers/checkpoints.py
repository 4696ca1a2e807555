"""A small checkpoint for recognition, whose hypotheses need not be correct."""

import torch

from moeasr import checkpoint
from moeasr.config import to_mapping
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.nn.feed_forward import DenseConfig

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd", "\u2581"]
FBANK = FbankConfig(num_mel_bins=20)


def save_model(path, feed_forward=None, languages=(), fbank=FBANK, **encoder):
    """Write the checkpoint; `encoder` contains settings of the encoder."""
    torch.manual_seed(2)
    settings = {"num_blocks": 1, "d_model": 16, "num_heads": 2, **encoder}
    config = ModelConfig(
        encoder=ConformerConfig(feed_forward=feed_forward or DenseConfig(), **settings),
        decoder=DecoderConfig(num_blocks=1, num_heads=2, num_reverse_blocks=1),
        languages=languages,
    )
    model = build_model(config, num_mel_bins=fbank.num_mel_bins, vocab_size=len(UNITS))
    torch.nn.init.normal_(model.ctc.project.weight, std=2.0)
    for decoder in (model.decoder, model.reverse_decoder):
        decoder.project.bias.data[model.sos_eos] = -3.0  # or it would end before it began
    model.cmvn.mean.fill_(6.0)
    model.cmvn.istd.fill_(0.3)
    for name, parameter in model.named_parameters():
        if "experts" in name:  # strong ones, so that it matters which of them a frame meets
            torch.nn.init.normal_(parameter)
    content = {
        "model": model.state_dict(),
        "config": {"model": to_mapping(config)},
        "tokenizer": {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None},
        "fbank": to_mapping(fbank),
        "info": {"commit": "abc", "seed": 5, "config_name": "tiny", "averaged_epochs": [1, 3]},
    }
    checkpoint.save(path, content)
    return path
