"""The `import-wenet` command, whose checkpoint works with all commands."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

from moeasr import checkpoint
from moeasr.bin.decode import main as decode
from moeasr.bin.import_wenet import main as import_wenet
from moeasr.bin.make_dict import main as make_dict
from moeasr.bin.profile import main as profile
from moeasr.bin.show_config import main as show_config
from moeasr.bin.transcribe import main as transcribe
from moeasr.bin.usage import main as usage
from moeasr.config import to_mapping
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.experiment.config import load_experiment
from moeasr.experiment.start import start_model
from moeasr.features.archive import open_archive
from moeasr.models.build import build_model
from moeasr.text.tokenizer import Tokenizer
from moeasr.yaml_text import dump_yaml

GOLDEN = Path(__file__).parents[1] / "interop" / "golden"
UTTS = {"u1": 0.9, "u2": 0.6}


@pytest.fixture
def imported(tmp_path):
    path = tmp_path / "x.pt"
    import_wenet(["--model-dir", str(GOLDEN / "trained"), "--out", str(path)])
    return path


@pytest.fixture
def data_dir(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir()
    generator = torch.Generator().manual_seed(0)
    for utt, seconds in UTTS.items():
        samples = 0.1 * torch.randn(int(16000 * seconds), generator=generator)
        soundfile.write(directory / f"{utt}.wav", samples.numpy(), 16000)
    files = {
        "wav.scp": [f"{utt} {directory}/{utt}.wav" for utt in UTTS],
        "text": ["u1 abcda", "u2 ef"],
        "utt2spk": [f"{utt} {utt}" for utt in UTTS],
        "spk2utt": [f"{utt} {utt}" for utt in UTTS],
    }
    for name, lines in files.items():
        (directory / name).write_text("".join(f"{line}\n" for line in lines))
    return directory


def test_the_checkpoint_has_the_origin_of_the_model(imported):
    content = checkpoint.load_with_model(imported)
    assert content["info"]["imported_from"] == {
        "toolkit": "WeNet",
        "model_dir": str(GOLDEN / "trained"),
        "checkpoint": "final.pt",
    }
    assert content["fbank"]["high_freq_hz"] == 0.0 and content["fbank"]["snip_edges"] is True
    assert content["fbank"]["dither"] == 0.0


def test_every_checkpoint_of_the_directory_can_be_imported(tmp_path):
    shutil.copytree(GOLDEN / "trained", tmp_path / "theirs")
    (tmp_path / "theirs/final.pt").rename(tmp_path / "theirs/avg_30.pt")
    where = ["--model-dir", str(tmp_path / "theirs"), "--out", str(tmp_path / "x.pt")]
    import_wenet([*where, "--checkpoint", "avg_30.pt"])
    info = checkpoint.load_with_model(tmp_path / "x.pt")["info"]
    assert info["imported_from"]["checkpoint"] == "avg_30.pt"
    with pytest.raises(InputError, match=r"final\.pt"):
        import_wenet(where)


def test_a_bpe_model_is_refused_for_a_model_of_characters(tmp_path):
    """For models with BPE pieces, see the tests of interop."""
    where = ["--model-dir", str(GOLDEN / "u2pp"), "--out", str(tmp_path / "x.pt")]
    with pytest.raises(InputError, match="omit --bpe-model"):
        import_wenet([*where, "--bpe-model", str(tmp_path / "a.model")])


def test_other_commands_accept_an_imported_checkpoint(imported, data_dir, tmp_path, capsys):
    model = ["--checkpoint", str(imported)]
    out = ["--out-dir", str(tmp_path / "decoded"), "--modes", "ctc_greedy_search"]
    decode([*model, "--data-dir", str(data_dir), *out])
    lines = next((tmp_path / "decoded").rglob("text")).read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(UTTS)
    capsys.readouterr()
    transcribe([*model, str(data_dir / "u1.wav"), str(data_dir / "u2.wav")])
    assert len(capsys.readouterr().out.splitlines()) == 2
    recognizer = Recognizer.from_checkpoint(imported)
    (data_dir / "conf").mkdir()
    (data_dir / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(recognizer.fbank)))
    with open_archive(data_dir / "feats.ark", data_dir / "feats.scp") as archive:
        for utt, seconds in UTTS.items():
            archive.write(utt, recognizer.features(torch.randn(int(16000 * seconds))))
    usage([*model, "--data-dir", str(data_dir)])
    assert "encoder.blocks.1.macaron_feed_forward" in capsys.readouterr().out
    profile(model)
    assert "reverse decoder" in capsys.readouterr().out


@pytest.mark.slow
def test_a_fault_gives_one_sentence_and_nothing_is_written(tmp_path):
    paths = ["--model-dir", str(tmp_path / "none"), "--out", str(tmp_path / "x.pt")]
    done = subprocess.run(
        [sys.executable, "-m", "moeasr.bin.import_wenet", *paths], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == f"import_wenet.py: WeNet model directory {tmp_path}/none does not exist\n"
    assert not list(tmp_path.iterdir())


def test_an_imported_model_is_fine_tuned_with_further_units(imported, tmp_path, capsys):
    """The config, the units and the filter banks come from the checkpoint."""
    capsys.readouterr()
    show_config([str(imported)])
    (tmp_path / "theirs.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    config = load_experiment(tmp_path / "theirs.yaml", [f"init.from={imported}"])
    trained = Recognizer.from_checkpoint(imported)
    (tmp_path / "text").write_text("u1 a9\n")
    extend = f"--text {tmp_path}/text --extend {imported} --out-dir {tmp_path}/lang".split()
    make_dict(extend)
    units = Tokenizer.from_dir(tmp_path / "lang")
    old = trained.tokenizer.vocab_size
    assert units.units[:old] == trained.tokenizer.units and "9" in units.units[old:]
    num_mel_bins = trained.fbank.num_mel_bins
    model = build_model(config.model, num_mel_bins, units.vocab_size).eval()
    start_model(model, config.init, units, trained.fbank)
    feats, lens = torch.randn(1, 60, num_mel_bins), torch.tensor([60])
    encoded = model.encode(feats, lens).enc
    assert torch.equal(encoded, trained.model.encode(feats, lens).enc)
    assert torch.equal(model.ctc.project.weight[:old], trained.model.ctc.project.weight)
