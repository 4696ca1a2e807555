"""A folder that `moeasr export` wrote, run by onnxruntime: the results of its checkpoint."""

import re

import pytest
import soundfile
from known_files import ROOT
from made_up import write_lines

import moeasr
from moeasr.deploy.folder_modes import MODES

export = pytest.importorskip("moeasr.bin.export")
for package in ("onnx", "onnxscript", "onnxruntime", "kaldi_native_fbank"):
    pytest.importorskip(package)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported_folder(exp_dir, sound, tmp_path_factory):
    """A folder with chunks of 4 frames and 2 left chunks."""
    directory = tmp_path_factory.mktemp("data")
    soundfile.write(directory / "a.wav", sound(2.0), 16000)
    write_lines(directory / "wav.scp", [f"a {directory / 'a.wav'}"])
    write_lines(directory / "text", ["a a b"])
    folder = directory / "folder"
    sizes = ["--chunk-size", "4", "--num-left-chunks", "2"]
    place = ["--data-dir", str(directory), "--out", str(folder)]
    # in int8 a model without training makes other errors
    export.main(["--checkpoint", str(exp_dir), *place, *sizes, "--max-int8-loss", "1000"])
    return folder


@pytest.fixture(scope="module")
def exported(exported_folder):
    return moeasr.load(exported_folder, num_threads=1)


def assert_same(found, expected):
    """Raise unless two transcriptions are equal but for rounding."""
    assert found.text == expected.text
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-3)
    words, others = (
        [(word.text, round(word.start, 6), round(word.end, 6)) for word in result.words]
        for result in (found, expected)
    )
    assert words == others


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
