"""The `benchmark` command, which measures the speed of models on this machine."""

import json

import pytest
import torch

from moeasr.bin.benchmark import main
from moeasr.errors import InputError

CONFIGS = ["egs/mini/conf/dense.yaml", "egs/mini/conf/u2pp_moe.yaml"]
QUICK = ["--utterance-sec", "0.5", "--num-rounds", "1", "--train-utts", "1", "--vocab-size", "20"]
SMALL = ["--set", "model.encoder.num_blocks=1", "--set", "model.decoder.num_blocks=1"]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.mark.slow
def test_training_and_streaming_are_optional(tmp_path, capsys):
    encoder = ["causal_conv=false", "dynamic_chunk=false", "conv_kernel_size=7"]
    unable = [word for setting in encoder for word in ("--set", f"model.encoder.{setting}")]
    only = ["--train-utts", "0", "--precisions", "int8", "--out", str(tmp_path / "x.json")]
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        main(["--config", *CONFIGS, *QUICK, *SMALL, *only, *unable, "--num-threads", "1"])
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("machine: fp32 ")
    assert [line.split()[:3] for line in printed[3:]] == [[c, "full", "int8"] for c in CONFIGS]
    rows = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert [(row["config"], row["what"], row["precision"]) for row in rows] == [
        (config, "full", "int8") for config in CONFIGS
    ]
    assert rows[0]["speed"] == {"median": 1.0, "least": 1.0, "largest": 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-rounds", "0"], "--num-rounds must be at least 1"),
        (["--precisions", "fp32 int4"], "--precisions must be one or more of fp32, bf16, int8"),
        (["--utterance-sec", "0"], "--utterance-sec must be between"),
        (["--chunk-size", "0"], "--chunk-size must be at least 1, but is 0"),
        (["--num-left-chunks", "-2"], "--num-left-chunks must be at least -1, but is -2"),
        (["--vocab-size", "3"], "--vocab-size must be at least 4, but is 3"),
        (["--train-utts", "-1"], "--train-utts must be at least 0, but is -1"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        main(["--config", CONFIGS[0], *QUICK, *SMALL, *options])
