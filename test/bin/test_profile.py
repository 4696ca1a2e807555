"""The `profile` command: printed tables and a JSON record."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moeasr import checkpoint
from moeasr.bin.profile import main
from moeasr.config import to_mapping
from moeasr.errors import InputError
from moeasr.experiment.config import load_experiment
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model, count_params
from moeasr.models.part_cost import PARTS
from moeasr.moe.routers import ROUTERS
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.text.dictionary import SPECIAL_UNITS

CONF = Path(__file__).resolve().parents[2] / "egs/mini/conf"
MOE, DENSE = str(CONF / "u2pp_moe.yaml"), str(CONF / "dense.yaml")


def numbers(line):
    return [float(cell.replace(",", "")) for cell in line.split() if cell[0].isdigit()]


def tokenizer_state(vocab_size):
    units = [*SPECIAL_UNITS, *(chr(ord("a") + number) for number in range(vocab_size - 3))]
    return {"type": "char", "non_lang_syms": [], "units": units, "bpe_model": None}


def trained(path, num_mel_bins=20, vocab_size=9, frame_shift_ms=10.0):
    """Save a checkpoint with the sections that the command reads."""
    config = load_experiment(MOE).model
    model = build_model(config, num_mel_bins, vocab_size)
    fbank = FbankConfig(num_mel_bins=num_mel_bins, frame_shift_ms=frame_shift_ms)
    content = {
        "config": {"model": to_mapping(config)},
        "fbank": to_mapping(fbank),
        "tokenizer": tokenizer_state(vocab_size),
        "model": model.state_dict(),
        "info": {},
    }
    checkpoint.save(path, content)
    return model


def test_one_config_gives_a_line_for_each_component_and_a_record(tmp_path, capsys):
    out = tmp_path / "exp" / "cost.json"
    main(["--config", MOE, "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    record = json.loads(out.read_text())
    assert [path.name for path in out.parent.iterdir()] == ["cost.json"]
    by_part = {part["part"]: part for part in record["parts"]}
    absent = ("embedding network", "other modules", "other heads")
    assert list(by_part) == [part for part in PARTS if part not in absent]
    for part, cost in by_part.items():
        (line,) = [line for line in lines if line.startswith(f"{part} ")]
        assert numbers(line)[:2] == [cost["total_params"], cost["active_params"]]
        assert numbers(line)[2] == pytest.approx(cost["macs_per_audio_sec"] / 1e6, abs=0.006)
    sizes = count_params(build_model(load_experiment(MOE).model, 80, 31))
    assert (record["total_params"], record["active_params"]) == sizes
    whole = numbers(next(line for line in lines if line.startswith("all ")))
    assert whole[:2] == list(sizes)
    assert whole[2] == pytest.approx(record["macs_per_audio_sec"] / 1e6, abs=0.006)
    assert isinstance(record["macs_per_audio_sec"], int)
    assert len({len(line) for line in lines[:-2]}) == 1  # aligned
    assert "utterance of 10 s" in lines[-1] and "12 tokens/s" in lines[-1]
    assert record["command"] == f"python3 -m moeasr.bin.profile --config {MOE} --out {out}"


class OwnRouter(TopKRouter):
    """A router of a user that does not define its cost."""

    macs_per_frame = None


def test_modules_without_a_cost_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(ROUTERS, "top_k", OwnRouter)
    main(["--config", MOE, "--out", str(tmp_path / "cost.json")])
    lines = capsys.readouterr().out.splitlines()
    for part in ("router", "encoder", "all"):
        (line,) = [line for line in lines if line.startswith(f"{part} ")]
        assert line.split()[-2] == ">"
    assert "The multiply-adds of OwnRouter" in lines[-2]
    assert json.loads((tmp_path / "cost.json").read_text())["uncounted"] == ["OwnRouter"]
    main(["--config", MOE, DENSE])
    _, moe, dense, *_ = capsys.readouterr().out.splitlines()
    assert ">" in moe and ">" not in dense


def test_several_configs_give_one_line_each(capsys):
    main(["--config", DENSE, MOE])
    header, dense, moe, *_ = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "model"
    assert dense.startswith(DENSE) and moe.startswith(MOE)
    dense, moe = (numbers(line.removeprefix(str(CONF))) for line in (dense, moe))
    assert dense[0] == dense[1] and moe[0] > 2 * moe[1]
    assert dense[3] < dense[4] < dense[5]
    # Two experts of half the width cost as much as the dense feed-forward, plus the router.
    assert dense[5] < moe[5] < 1.01 * dense[5]


@pytest.mark.parametrize(
    ("flags", "key", "factor"),
    [
        (["--set", "model.encoder.num_blocks=8"], "encoder_total_params", (1.5, 2.0)),
        (["--vocab-size", "5000"], "total_params", (1.3, 2.0)),
        (["--num-mel-bins", "40"], "encoder_macs_per_audio_sec", (0.5, 0.99)),
        (["--utterance-sec", "30"], "encoder_macs_per_audio_sec", (1.1, 2.0)),
        (["--tokens-per-sec", "24"], "macs_per_audio_sec", (1.01, 1.5)),
    ],
)
def test_options_change_sizes_and_costs(tmp_path, flags, key, factor):
    for name, extra in (("base", []), ("other", flags)):
        main(["--config", MOE, "--out", str(tmp_path / name), *extra])
    base, other = (json.loads((tmp_path / name).read_text())[key] for name in ("base", "other"))
    assert factor[0] < other / base < factor[1]


def test_sizes_and_frame_rate_come_from_a_checkpoint(tmp_path):
    model = trained(tmp_path / "a.pt")
    trained(tmp_path / "b.pt", frame_shift_ms=20.0)
    records = []
    for name in ("a", "b"):
        out = tmp_path / f"{name}.json"
        main(["--checkpoint", str(tmp_path / f"{name}.pt"), "--out", str(out)])
        records.append(json.loads(out.read_text()))
    assert records[0]["total_params"] == count_params(model).total
    assert (records[0]["num_mel_bins"], records[0]["vocab_size"]) == (20, 9)
    ratio = records[1]["encoder_macs_per_audio_sec"] / records[0]["encoder_macs_per_audio_sec"]
    assert 0.4 < ratio < 0.5  # half the frames, and attention over fewer of them


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("fbank", "frame_shift_ms", None),
        ("fbank", "frame_shift_ms", 0.0),
        ("fbank", "num_mel_bins", 10**30),
        ("tokenizer", "units", "abc"),
        ("config", "model", []),
    ],
)
def test_a_damaged_checkpoint_is_named(tmp_path, section, key, value):
    path = tmp_path / "a.pt"
    trained(path)
    content = checkpoint.load(path)
    content[section][key] = value
    checkpoint.save(path, content)
    with pytest.raises(InputError, match=r"a\.pt"):
        main(["--checkpoint", str(path)])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config", "no.yaml"], "no.yaml does not exist"),
        (["--config", MOE, "--set", "model.enoder.d_model=8"], "unknown key 'model.enoder'"),
        (["--config", MOE, "--utterance-sec", "0.01"], "too short"),
        (["--config", MOE, "--tokens-per-sec", "nan"], "`tokens_per_sec` must be"),
        (["--config", MOE, DENSE], "--out requires a single config"),
        (["--checkpoint", "no.pt"], "no.pt does not exist"),
        (["--checkpoint", "no.pt", "--set", "model.encoder.d_model=8"], "--set requires --config"),
        (["--checkpoint", "no.pt", "--vocab-size", "31"], "--vocab-size requires --config"),
    ],
)
def test_invalid_input_is_refused_and_no_file_is_written(tmp_path, flags, message):
    with pytest.raises(InputError, match=message):
        main([*flags, "--out", str(tmp_path / "cost.json")])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_does_not_hide_pythons_profile_module():
    """The standard library has a module `profile` as well, which `cProfile` imports."""
    code = (
        "import runpy, sys; sys.argv[1:] = ['--config', sys.argv[1]]\n"
        "runpy.run_module('moeasr.bin.profile', run_name='__main__', alter_sys=True)\n"
        "import cProfile, profile; assert profile.Profile and cProfile.run"
    )
    done = subprocess.run([sys.executable, "-c", code, MOE], capture_output=True, text=True)
    assert done.returncode == 0 and "feed-forward" in done.stdout, done.stderr
