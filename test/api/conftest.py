"""A tiny model, and speech-like sound."""

import numpy as np
import pytest
import torch
from checkpoints import save_model

import moeasr
from moeasr import checkpoint
from moeasr.decode.recognizer import Recognizer
from moeasr.moe.layer import MoeConfig


@pytest.fixture(scope="module")
def exp_dir(tmp_path_factory):
    """An experiment directory with a model that writes something."""
    exp_dir = tmp_path_factory.mktemp("exp")
    path = save_model(exp_dir / "averaged.pt", MoeConfig(hidden_units=16, num_experts=4))
    # Without training the frames differ little: let CTC look at the difference alone.
    one = Recognizer.from_checkpoint(path)
    feats = one.features(0.1 * torch.randn(32000))
    with torch.inference_mode():
        mean = one.model.encode(feats[None], torch.tensor([len(feats)])).enc[0].mean(dim=0)
    content = checkpoint.load(path)
    weights = content["model"]
    weights["ctc.project.weight"] *= 10
    weights["ctc.project.bias"] = -weights["ctc.project.weight"] @ mean
    checkpoint.save(path, {name: part for name, part in content.items() if name != "format"})
    return exp_dir


@pytest.fixture(scope="module")
def asr(exp_dir):
    """The model."""
    return moeasr.load(exp_dir)


@pytest.fixture(scope="module")
def sound():
    """Return 16-bit samples of noise in two channels, one quieter: rate -> (S, 2)."""

    def make(rate_hz, seconds=0.5):
        noise = np.random.default_rng(0).standard_normal((round(rate_hz * seconds), 2))
        return np.round(noise * [3000, 500]).astype(np.int16)

    return make
