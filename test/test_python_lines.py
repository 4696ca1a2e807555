"""Python code in documents and in the docstrings of the Python interface runs as it is shown."""

import doctest
import re
import shutil

import numpy as np
import pytest
import soundfile
from checkpoints import save_model
from known_files import ROOT, known_files

import moeasr
from moeasr.api.speech_recognizer import SpeechRecognizer
from moeasr.moe.layer import MoeConfig

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DOCUMENTS = {
    str(path.relative_to(ROOT)): "\n".join(blocks)
    for path in known_files("README.md", "moeasr/**/README.md")
    if (blocks := BLOCK.findall(path.read_text(encoding="utf-8")))
    and path.parent.name != "deploy"  # test/deploy/test_exported_folder.py has a model folder
}
DOCSTRINGS = {
    owner.__qualname__: "".join(
        example.source for example in doctest.DocTestParser().get_examples(owner.__doc__)
    )
    for owner in (
        *(moeasr.load, SpeechRecognizer),
        *(SpeechRecognizer.transcribe, SpeechRecognizer.stream),
    )
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The names that documents use: a trained model, recordings, and the configs of recipes."""
    monkeypatch.chdir(tmp_path)
    for exp_dir in ("exp/u2pp_moe", "egs/mini/exp/u2pp_moe"):
        (tmp_path / exp_dir).mkdir(parents=True)
        save_model(tmp_path / exp_dir / "averaged.pt", MoeConfig(hidden_units=16, num_experts=4))
    for conf in (ROOT / "egs").glob("*/conf"):
        shutil.copytree(conf, tmp_path / "egs" / conf.parent.name / "conf")
    samples = 0.1 * np.random.default_rng(0).standard_normal(16000)
    for name in ("a.wav", "b.wav", "b.flac"):
        soundfile.write(tmp_path / name, samples, 16000)
    return tmp_path


def run(code: str, name: str) -> None:
    """Run code with the names that docstrings take for granted."""
    samples = np.zeros(8000)
    names = {"moeasr": moeasr, "asr": moeasr.load("exp/u2pp_moe"), "samples": samples}
    names |= {"__name__": "shown", "packets": np.split(samples, 5)}
    exec(compile(code, name, "exec"), names)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_python_in_documents_runs(name, place, capsys):
    run(DOCUMENTS[name], name)
    assert capsys.readouterr().out


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_examples_in_docstrings_run(name, place):
    assert DOCSTRINGS[name]
    run(DOCSTRINGS[name], name)


def test_a_fault_in_a_line_is_found(place):
    with pytest.raises(AttributeError):
        run("asr.transcibe('a.wav')", "x")
