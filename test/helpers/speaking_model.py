"""A small checkpoint whose CTC outputs vary, so that its texts are not empty."""

import torch
from checkpoints import save_model

from moeasr import checkpoint
from moeasr.decode.recognizer import Recognizer
from moeasr.moe.layer import MoeConfig


def save_speaking_model(path, **settings):
    """Write the checkpoint and return its path; `settings` are those of `save_model`."""
    experts = MoeConfig(hidden_units=16, num_experts=4)
    save_model(path, **{"feed_forward": experts, **settings})
    # Frames differ little without training, so CTC sees only the differences from their mean.
    one = Recognizer.from_checkpoint(path)
    feats = one.features(0.1 * torch.randn(32000))
    with torch.inference_mode():
        mean = one.model.encode(feats[None], torch.tensor([len(feats)])).enc[0].mean(dim=0)
    content = checkpoint.load(path)
    weights = content["model"]
    weights["ctc.project.weight"] *= 10
    weights["ctc.project.bias"] = -weights["ctc.project.weight"] @ mean
    # CTC never emits <sos/eos> after training
    weights["ctc.project.weight"][one.model.sos_eos] = 0.0
    weights["ctc.project.bias"][one.model.sos_eos] = -1e4
    checkpoint.save(path, {name: part for name, part in content.items() if name != "format"})
    return path
