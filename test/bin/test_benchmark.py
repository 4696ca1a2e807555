"""The entry point that times models on this machine."""

import json

import pytest

from moeasr.bin.benchmark import main
from moeasr.errors import InputError

CONFIGS = ["egs/mini/conf/dense.yaml", "egs/mini/conf/u2pp_moe.yaml"]
QUICK = ["--utterance-sec", "0.5", "--num-rounds", "1", "--train-utts", "1", "--vocab-size", "20"]
SMALL = ["--set", "model.encoder.num_blocks=1", "--set", "model.decoder.num_blocks=1"]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_every_config_has_its_rows(tmp_path, capsys):
    main(["--config", *CONFIGS, *QUICK, *SMALL, "--out", str(tmp_path / "x.json")])
    record = json.loads((tmp_path / "x.json").read_text())
    found = [(row["config"], row["what"], row["precision"]) for row in record["rows"]]
    recognition = [
        (config, what, bits)
        for config in CONFIGS
        for bits in ("fp32", "bf16", "int8")
        for what in ("full", "stream")
    ]
    assert found == recognition + [(c, "train", bits) for c in CONFIGS for bits in ("fp32", "bf16")]
    for row in record["rows"]:
        assert row["speed"]["least"] <= row["speed"]["median"] <= row["speed"]["largest"]
        assert row.get("rtf", row.get("frames_per_sec")) > 0
        assert row.get("of_limit", 1.0) > 0
    assert record["rows"][0]["speed"]["median"] == 1.0
    printed = capsys.readouterr().out
    assert printed.startswith("machine: fp32 ")
    assert len(printed.splitlines()) == 3 + len(found)


def test_without_training_and_without_streams(capsys):
    encoder = ["causal_conv=false", "dynamic_chunk=false", "conv_kernel_size=7"]
    unable = [word for setting in encoder for word in ("--set", f"model.encoder.{setting}")]
    only = ["--train-utts", "0", "--precisions", "int8"]
    main(["--config", CONFIGS[0], *QUICK, *SMALL, *only, *unable])
    rows = capsys.readouterr().out.splitlines()[3:]
    assert len(rows) == 1
    assert rows[0].split()[1:3] == ["full", "int8"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-rounds", "0"], "--num-rounds must be at least 1"),
        (["--precisions", "fp32 int4"], "--precisions must be some of fp32, bf16, int8"),
        (["--utterance-sec", "0"], "--utterance-sec must be between"),
        (["--chunk-size", "0"], "`chunk_size` must be at least 1 to stream"),
    ],
)
def test_bad_options_are_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        main(["--config", CONFIGS[0], *QUICK, *SMALL, *options])
