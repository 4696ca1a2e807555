"""Checkpoints as engines of the API."""

import numpy as np
import pytest
import torch
from checkpoints import save_model

from moeasr.api.checkpoint_engine import CheckpointEngine, open_recognizer
from moeasr.api.engine import Task
from moeasr.decode.config import DecodeConfig
from moeasr.errors import InputError


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return CheckpointEngine(open_recognizer(save_model(tmp_path_factory.mktemp("exp") / "x.pt")))


def test_arrays_are_resampled_to_the_rate_of_the_model(engine):
    waveform = engine.waveform(np.full(4410, 0.25, np.float32), 44100)
    assert isinstance(waveform, torch.Tensor) and waveform.shape == (1600,)
    assert waveform[400:1200].tolist() == pytest.approx([0.25] * 800, abs=1e-3)
    assert (engine.sample_rate_hz, engine.has_ctc, engine.languages) == (16000, True, ())


def test_unsupported_tasks_are_refused_before_any_audio(engine):
    task = Task(mode=None, config=DecodeConfig(), given=(), language="en")
    with pytest.raises(InputError, match="does not route by language"):
        engine.transcriber(task)
    with pytest.raises(InputError, match="to stream"):
        engine.open_stream(Task(mode=None, config=DecodeConfig(), given=(), language=None), None, 8)
