"""A model folder that all tests of this room read, written once."""

import numpy as np
import pytest
import soundfile
from checkpoints import save_model

from moeasr import checkpoint
from moeasr.config import to_mapping
from moeasr.decode.recognizer import Recognizer
from moeasr.features.fbank_config import FbankConfig
from moeasr.moe.layer import MoeConfig
from moeasr.yaml_text import dump_yaml

pytest.importorskip("onnxscript", reason="the extra `deploy` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `deploy` is not installed")
MOE = MoeConfig(hidden_units=16, num_experts=4, experts_per_frame=2)


def save_recognizer(path, **settings):
    """Write a checkpoint whose CTC, like that of a trained model, never means <sos/eos>."""
    content = checkpoint.load(save_model(path, **{"fbank": FbankConfig(), **settings}))
    content["model"]["ctc.project.bias"][2] = -50.0
    checkpoint.save(path, content)
    return Recognizer.from_checkpoint(path)


@pytest.fixture(scope="session")
def checkpoint_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "averaged.pt"
    save_recognizer(path, feed_forward=MOE)
    return path


@pytest.fixture(scope="session")
def recognizer(checkpoint_path):
    return Recognizer.from_checkpoint(checkpoint_path)


@pytest.fixture(scope="session")
def make_recognizer():
    return save_recognizer


@pytest.fixture(scope="session")
def dev_dir(tmp_path_factory):
    """A data directory of audio; its first utterance has no words."""
    path = tmp_path_factory.mktemp("data") / "dev"
    (path / "conf").mkdir(parents=True)
    (path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(FbankConfig())))
    generator = np.random.default_rng(0)
    scp, text = [], []
    for utt, seconds, words in (("u1", 0.6, ""), ("u2", 1.3, "ab cd"), ("u3", 0.05, "a")):
        wav = path / f"{utt}.wav"
        soundfile.write(wav, generator.standard_normal(round(seconds * 16000)) * 0.1, 16000)
        scp.append(f"{utt} {wav}\n")
        text.append(f"{utt} {words}".rstrip() + "\n")
    (path / "wav.scp").write_text("".join(scp))
    (path / "text").write_text("".join(text))
    return path
