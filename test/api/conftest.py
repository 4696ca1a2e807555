"""A tiny model, and speech-like sound."""

import numpy as np
import pytest
from speaking_model import save_speaking_model

import moeasr


@pytest.fixture(scope="module")
def exp_dir(tmp_path_factory):
    """An experiment directory with a model whose hypotheses are not empty."""
    exp_dir = tmp_path_factory.mktemp("exp")
    save_speaking_model(exp_dir / "averaged.pt")
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
