"""A folder that `moeasr export` wrote, run by onnxruntime: the results of its checkpoint."""

import dataclasses
import re

import numpy as np
import pytest
import soundfile
from batched_results import assert_batches_equal_streams
from known_files import ROOT
from torch_folder import assert_same

import moeasr
from moeasr.deploy.batch_network import BatchNetwork
from moeasr.deploy.folder_modes import MODES
from moeasr.deploy.folder_recognizer import FolderRecognizer
from moeasr.deploy.model_folder import ChunkSizes, ModelFolder
from moeasr.errors import InputError

pytestmark = pytest.mark.slow
SEVERAL_ROUNDINGS = 2e-4
"""Largest difference of log-probabilities, which are sums of float32 in another order."""


@pytest.fixture(scope="module")
def exported(exported_folder):
    return moeasr.load(exported_folder, num_threads=1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"chunk_size": 4, "num_left_chunks": 2},
        {"chunk_size": 4},
        {"chunk_size": 1, "num_left_chunks": 3},
        {"chunk_size": 7, "num_left_chunks": 1},
    ],
)
def test_recordings(exported, of_checkpoint, sound, mode, settings):
    for seconds in (0.01, 0.06, 0.08, 0.1, 0.5, 1.27, 3.0):
        task = {"sample_rate": 16000, "mode": mode, **settings}
        wave = sound(seconds)
        expected = of_checkpoint.transcribe(wave, **task)
        assert bool(expected.text) == (seconds > 0.07)
        assert_same(exported.transcribe(wave, **task), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", [(1, 1), (1, 4), (4, 2), (16, 4)])
def test_streams(exported, of_checkpoint, sound, mode, sizes):
    samples, results = sound(4.3), []
    settings = {"chunk_size": sizes[0], "num_left_chunks": sizes[1]}
    settings["rule3_min_utterance_length"] = 1.5
    for asr in (exported, of_checkpoint):
        stream = asr.stream(sample_rate=16000, mode=mode, **settings)
        parts = [samples[i : i + 1600] for i in range(0, len(samples), 1600)]
        results.append([r for part in parts for r in stream.push(part)] + stream.finish())
    assert len(results[0]) == len(results[1]) > 5
    for found, expected in zip(*results):
        assert (found.is_final, found.stable_text) == (expected.is_final, expected.stable_text)
        assert (found.start, found.end) == (expected.start, expected.end)
        assert_same(found, expected)


def test_the_model_card_says_that_sherpa_onnx_computes_other_features(exported_folder):
    sentence = "sherpa-onnx cannot run this model: its features have `num_mel_bins` 80, but those"
    assert sentence in (exported_folder / "README.md").read_text(encoding="utf-8")


def test_the_network_of_batches_equals_that_of_streams(exported_folder):
    recognizer = FolderRecognizer(ModelFolder.read(exported_folder), False, num_threads=1)
    batch, single = recognizer.batch, recognizer.streaming
    num_mel_bins = recognizer.folder.config.fbank.num_mel_bins
    generator = np.random.default_rng(0)
    expected = [single.start(batch.num_past) for _ in range(3)]
    found = list(expected)
    for active in ([0], [0, 1], [2, 0, 1], [1], [0, 1, 2], [2, 1]):
        windows = [10 + 3 * generator.standard_normal((19, num_mel_bins)) for _ in active]
        outputs = batch.step(windows, [found[n] for n in active])
        for n, window, (encoded, caches) in zip(active, windows, outputs):
            other, expected[n] = single.step(window, batch.chunk_size, expected[n])
            found[n] = caches
            assert caches.num_frames == expected[n].num_frames
            for part, wanted in zip((*encoded, *caches[1:]), (*other, *expected[n][1:])):
                assert part.shape == wanted.shape
                np.testing.assert_allclose(part, wanted, rtol=0, atol=SEVERAL_ROUNDINGS)
    with pytest.raises(InputError, match="`decode_chunk_len` must be 20, as in config.yaml, but"):
        sizes = ChunkSizes(chunk_size=5, num_left_chunks=2)
        config = dataclasses.replace(recognizer.folder.config, streaming=sizes)
        BatchNetwork(exported_folder / "model.zipformer.onnx", 1, config)


def test_streams_in_batches_equal_single_streams(exported, sound):
    assert_batches_equal_streams(exported._engine, sound)


def test_int8_gives_a_text(exported, sound):
    int8 = moeasr.load(exported._engine._recognizer.folder.path, quantize="int8", num_threads=1)
    assert int8.transcribe(sound(1.0), sample_rate=16000).text
    assert int8.transcribe(sound(1.0), sample_rate=16000, chunk_size=4).text


def test_python_lines_of_the_readme_run(exported_folder, sound, tmp_path, monkeypatch, capsys):
    text = (ROOT / "moeasr/deploy/README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "exp/u2pp_moe").mkdir(parents=True)
    (tmp_path / "exp/u2pp_moe/export").symlink_to(exported_folder)
    soundfile.write(tmp_path / "a.wav", sound(1.0), 16000)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "deploy/README.md", "exec"), {})
    assert capsys.readouterr().out
