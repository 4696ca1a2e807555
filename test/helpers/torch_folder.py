"""A model folder whose networks are those of a checkpoint in torch, and the checkpoint."""

from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch
from made_up import write_lines
from speaking_model import save_speaking_model

import moeasr
from moeasr.config import to_mapping
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.rescoring import token_log_probs
from moeasr.deploy import folder_recognizer
from moeasr.deploy.networks import Encoded, TokenLogProbs
from moeasr.models.heads.attention_head import reverse_tokens
from moeasr.models.streaming_encoder import StreamingEncoder
from moeasr.text.dictionary import write_units
from moeasr.yaml_text import dump_yaml

CHUNK_SIZE, NUM_LEFT_CHUNKS = 4, 2


class TorchOffline:
    """The offline network of a checkpoint."""

    def __init__(self, model):
        self.model = model

    @torch.inference_mode()
    def encode(self, feats):
        found = self.model.encode(torch.from_numpy(feats)[None], torch.tensor([len(feats)]))
        return encoded(self.model, found.enc)


class TorchCaches(NamedTuple):
    encoder: StreamingEncoder
    state: object


class TorchStreaming:
    """The streaming network of a checkpoint, for chunks of `CHUNK_SIZE` only."""

    def __init__(self, model):
        self.model = model

    def start(self, num_past):
        encoder = StreamingEncoder(self.model, CHUNK_SIZE, num_past // CHUNK_SIZE)
        return TorchCaches(encoder, encoder.start())

    def step(self, window, num_new, caches):
        assert len(window) == 4 * num_new + 3
        feats = torch.from_numpy(window)[None]
        output, state = caches.encoder.step(feats, torch.tensor([len(window)]), caches.state)
        return encoded(self.model, output.enc), caches._replace(state=state)


class TorchBatch:
    """The network of batches, which encodes one stream after the other."""

    chunk_size = CHUNK_SIZE

    def __init__(self, model):
        self.one = TorchStreaming(model)

    def can_encode(self, window):
        return True

    def step(self, windows, caches):
        return [self.one.step(w, CHUNK_SIZE, c) for w, c in zip(windows, caches)]


class TorchDecoder:
    """The attention decoders of a checkpoint."""

    can_reverse = True

    def __init__(self, model):
        self.model = model

    @torch.inference_mode()
    def score(self, enc, hypotheses):
        lens = torch.tensor([len(tokens) for tokens in hypotheses])
        tokens = torch.zeros(len(hypotheses), max(1, int(lens.max())), dtype=torch.int64)
        for row, units in zip(tokens, hypotheses):
            row[: len(units)] = torch.tensor(units)
        place = torch.from_numpy(enc)[None], torch.tensor([len(enc)]), self.model.sos_eos
        head = self.model.heads["attention"]
        backwards = reverse_tokens(tokens, lens)
        return TokenLogProbs(
            token_log_probs(head.decoder, tokens, lens, *place).numpy(),
            token_log_probs(head.reverse_decoder, backwards, lens, *place).numpy(),
        )


@torch.inference_mode()
def encoded(model, enc):
    return Encoded(enc[0].numpy(), model.ctc_log_probs(enc)[0].numpy())


@pytest.fixture(scope="session")
def exp_dir(tmp_path_factory):
    """An experiment directory with a model whose texts are not empty."""
    exp_dir = tmp_path_factory.mktemp("exp")
    save_speaking_model(exp_dir / "averaged.pt", num_blocks=2)
    return exp_dir


@pytest.fixture(scope="session")
def of_checkpoint(exp_dir):
    """The recogniser of the checkpoint."""
    return moeasr.load(exp_dir)


def settings_of(recognizer):
    """Return the content of `config.yaml`."""
    state = recognizer.tokenizer.state()
    del state["bpe_model"]
    return {
        "format": "moeasr-export-1",
        "fbank": to_mapping(recognizer.fbank),
        "tokenizer": state,
        "streaming": {"chunk_size": CHUNK_SIZE, "num_left_chunks": NUM_LEFT_CHUNKS},
        "subsampling_rate": 4,
        "min_frames": 7,
        "reverse_weight": 0.3,
        "has_decoder": True,
        "d_model": 16,  # whatever else an exporter may note
        "info": {"config_name": "tiny"},
    }


@pytest.fixture
def folder(exp_dir, tmp_path, monkeypatch):
    """A model folder whose ONNX files are empty; the networks are those of the checkpoint."""
    pytest.importorskip("kaldi_native_fbank")
    recognizer = Recognizer.from_checkpoint(exp_dir / "averaged.pt")
    model = recognizer.model
    for name, network in [
        ("OfflineNetwork", TorchOffline),
        ("StreamingNetwork", TorchStreaming),
        ("BatchNetwork", TorchBatch),
        ("DecoderNetwork", TorchDecoder),
    ]:
        monkeypatch.setattr(folder_recognizer, name, lambda *_, network=network: network(model))
    path = tmp_path / "folder"
    path.mkdir()
    for name in ("model", "model.streaming", "model.zipformer"):
        (path / f"{name}.onnx").touch()
        (path / f"{name}.int8.onnx").touch()
    (path / "decoder.onnx").touch()
    (path / "config.yaml").write_text(dump_yaml(settings_of(recognizer)), encoding="utf-8")
    write_units(path / "tokens.txt", recognizer.tokenizer.units)
    return path


@pytest.fixture(scope="session")
def exported_folder(exp_dir, sound, tmp_path_factory):
    """A folder that `moeasr export` wrote, with chunks of 4 frames and 2 left chunks."""
    sizes = ["--chunk-size", str(CHUNK_SIZE), "--num-left-chunks", str(NUM_LEFT_CHUNKS)]
    return export_folder(exp_dir, sound, tmp_path_factory.mktemp("data"), *sizes)


def export_folder(checkpoint, sound, directory, *options):
    """Return the folder in `directory` that `moeasr export` writes; skip the test if it cannot."""
    for package in ("onnx", "onnxscript", "onnxruntime", "kaldi_native_fbank"):
        pytest.importorskip(package)
    from moeasr.bin import export

    soundfile.write(directory / "a.wav", sound(2.0), 16000)
    write_lines(directory / "wav.scp", [f"a {directory / 'a.wav'}"])
    write_lines(directory / "text", ["a a b"])
    path = directory / "folder"
    place = ["--checkpoint", str(checkpoint), "--data-dir", str(directory), "--out", str(path)]
    # in int8 a model without training makes other errors
    export.main([*place, *options, "--max-int8-loss", "1000"])
    return path


def assert_same(found, expected):
    """Raise unless two transcriptions are equal but for rounding."""
    assert found.text == expected.text
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-3)
    words, others = (
        [(word.text, round(word.start, 6), round(word.end, 6)) for word in result.words]
        for result in (found, expected)
    )
    assert words == others


@pytest.fixture(scope="session")
def sound():
    """Return (S,) samples of notes of 0.12 s and pauses between them: seconds, rate -> samples."""

    def make(seconds, rate_hz=16000):
        generator = np.random.default_rng(1)
        count, note = round(seconds * rate_hz), round(0.12 * rate_hz)
        notes = generator.random(count // note + 1)
        pitch = np.repeat(100 * 40**notes, note)[:count]
        loudness = np.repeat(notes > 0.3, note)[:count]
        hiss = 0.003 * generator.standard_normal(count)
        wave = 0.3 * loudness * np.sin(2 * np.pi * np.cumsum(pitch / rate_hz)) + hiss
        return wave.astype(np.float32)

    return make
