"""A search outside the package, whose import path is accepted wherever a mode is."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from checkpoints import save_model
from tiny_models import tiny_model

from moeasr.bin import check_experiment, decode, results, score, stream, transcribe
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.hypothesis import read_nbest
from moeasr.decode.searches import check_settings, find_searches
from moeasr.errors import InputError

MODE = "own_search.backwards"
CONFIG = Path(__file__).resolve().parents[2] / "egs/mini/conf/dense.yaml"


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "averaged.pt")


@pytest.fixture
def data_dir(tmp_path):
    """Create two utterances whose transcripts are one word each."""
    path = tmp_path / "test"
    path.mkdir()
    generator = np.random.default_rng(0)
    for utt in ("u1", "u2"):
        soundfile.write(path / f"{utt}.wav", 0.1 * generator.standard_normal(9000), 16000)
    (path / "wav.scp").write_text(f"u1 {path}/u1.wav\nu2 {path}/u2.wav\n")
    (path / "text").write_text("u1 a\nu2 b\n")
    (path / "utt2spk").write_text("u1 u1\nu2 u2\n")
    return path


def reversed_texts(path, mode):
    """Return utterance -> the best text of a mode, reversed."""
    nbest = read_nbest(path / mode / "nbest.jsonl")
    return {utt: entries[0]["text"][::-1].strip() for utt, entries in nbest.items()}


def test_a_search_outside_the_package_decodes_streams_is_scored_and_is_in_the_results(
    model_path, data_dir, tmp_path, capsys
):
    out, common = tmp_path / "decode_test", ["--checkpoint", str(model_path)]
    where = ["--data-dir", str(data_dir), "--out-dir", str(out)]
    for chunk in ([], ["--chunk-size", "4"]):
        modes = ["--modes", f"{MODE} ctc_greedy_search", "--beam-size", "4"]
        decode.main([*common, *where, *modes, *chunk])
    simulate = ["--simulate", str(data_dir), "--out-dir", str(out), "--mode", MODE]
    stream.main([*common, *simulate, "--chunk-size", "4"])
    names = [f"{MODE}", f"{MODE}_chunk4", f"{MODE}_chunk4_stream"]
    greedy = ["ctc_greedy_search", "ctc_greedy_search_chunk4", "ctc_greedy_search_chunk4"]
    assert {path.name for path in out.iterdir()} == {*names, *greedy}
    for own, other in zip(names, greedy):
        texts = dict(line.partition(" ")[::2] for line in (out / own / "text").open())
        texts = {utt: text.strip() for utt, text in texts.items()}
        assert texts == reversed_texts(out, other) and any(texts.values())
    about = json.loads((out / MODE / "decode.json").read_text())
    assert (about["mode"], about["beam_size"], about["ctc_weight"]) == (MODE, 4, None)
    score.main([*where[:2], "--decode-dir", str(out), "--num-resamples", "9"])
    results.main(["--exp-dir", str(tmp_path)])
    page = re.sub(" +", " ", (tmp_path / "RESULTS.md").read_text().replace("** (best)", ""))
    assert f"{MODE} | full |" in page and f"{MODE} | 4 |" in page
    capsys.readouterr()


def test_a_search_outside_the_package_transcribes_and_streams_files(model_path, data_dir, capsys):
    path, options = str(data_dir / "u1.wav"), ["--checkpoint", str(model_path)]
    transcribe.main([*options, "--mode", "ctc_greedy_search", path])
    greedy = capsys.readouterr().out.split("\t")[1].strip()
    transcribe.main([*options, "--mode", MODE, "--beam-size", "2", "--nbest", "2", path])
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(row[1], row[3].strip()) for row in rows] == [(n, greedy[::-1]) for n in "12"]
    stream.main([*options, "--mode", MODE, "--chunk-size", "100", path])
    assert capsys.readouterr().out.splitlines()[-1].split("\t")[3].strip() == greedy[::-1]


def test_a_search_outside_the_package_is_checked_before_training(tmp_path):
    training = ["--", "--config", str(CONFIG), "--exp-dir", str(tmp_path)]
    for name in ("--train-dir", "--dev-dir", "--dict-dir", "--cmvn"):
        training += [name, "none yet"]
    check_experiment.main(["--modes", MODE, *training])
    with pytest.raises(InputError, match=f"mode '{MODE}' needs CTC"):
        check_experiment.main(["--modes", MODE, *training, "--set", "model.ctc_weight=0"])


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("own_search.by_transducer", "needs the head 'transducer', but this model has at"),
        ("own_search.from_both_ends", "needs a right-to-left decoder, but this model has none"),
        ("own_search.forwards", "cannot be imported: own_search has no forwards"),
        ("own_searches.x", "cannot be imported: ModuleNotFoundError"),
        ("own_search.no_search", r"must be a moeasr\.decode\.searches\.Search, but is not"),
    ],
)
def test_a_search_that_cannot_run_is_refused_with_the_reason(mode, sentence):
    model = tiny_model(reverse_weight=0.0, num_reverse_blocks=0)
    with pytest.raises(InputError, match=f"'{mode}' {sentence}"):
        find_searches([mode], model)


def test_a_setting_that_the_search_does_not_use_is_refused():
    with pytest.raises(InputError, match=f"`ctc_weight` has no effect in {MODE}; it is for att"):
        check_settings([MODE], DecodeConfig(), ["ctc_weight"])
    with pytest.raises(InputError, match=f"mode '{MODE}' cannot use a language model"):
        check_settings([MODE], DecodeConfig(fusion=FusionConfig(lm="x")), [])
    check_settings([MODE], DecodeConfig(), ["beam_size", "chunk_size"])


@dataclass(frozen=True, kw_only=True)
class WarmConfig(DecodeConfig):
    """Decoding settings with an additional field."""

    temperature: float = 1.0
    """Number by which the log-probabilities are divided."""


def test_a_new_setting_needs_only_a_field_and_a_search_that_names_it(
    model_path, data_dir, tmp_path, monkeypatch, capsys
):
    """The option, the refusal by other modes and the entry in `decode.json` need no more code."""
    monkeypatch.setattr(decode, "DEFAULTS", WarmConfig())
    argv = ["--checkpoint", str(model_path), "--data-dir", str(data_dir)]
    argv += ["--out-dir", str(tmp_path / "out"), "--temperature", "2"]
    decode.main([*argv, "--modes", "own_search.warm ctc_greedy_search"])
    about = {
        mode: json.loads((tmp_path / "out" / mode / "decode.json").read_text())
        for mode in ("own_search.warm", "ctc_greedy_search")
    }
    assert about["own_search.warm"]["temperature"] == 2.0
    assert about["ctc_greedy_search"]["temperature"] is None
    with pytest.raises(InputError, match="`temperature` has no effect in attention; it is for sea"):
        decode.main([*argv, "--modes", "attention"])
    capsys.readouterr()
