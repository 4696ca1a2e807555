"""The `plan` command: its table, its JSON record and its messages."""

import json
from pathlib import Path

import pytest

from moeasr.bin.plan import main
from moeasr.errors import InputError

CONF = Path(__file__).resolve().parents[2] / "egs/mini/conf"
SMALL = ("--set", "data.limits.max_frames=200", "--set", "data.batch.max_frames=400")
COMMAND = ("--config", str(CONF / "u2pp_moe.yaml"), *SMALL, "--utterance-sec", "2")


def test_the_table_and_the_record_agree(capsys):
    options = ("--gpus", "8", "--hours", "100", "--vocab-size", "50")
    main([*COMMAND, *options, "--gpu-memory-gb", "80", "--tflops", "1"])
    lines = capsys.readouterr().out.splitlines()
    main([*COMMAND, *options, "--tflops", "1", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert f"{record['parameters'] / 1e6:,.1f} M parameters, fp32, 8 GPUs, 100 h of" in lines[0]
    (total,) = [line for line in lines if line.startswith("sum")]
    memory = record["memory_per_gpu"]
    assert total.split()[1:] == [f"{memory[k]['sum'] / 1e9:.2f}" for k in ("replicate", "shard")]
    assert record["workload"]["num_gpus"] == 8 and record["hours"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpus", "1", "--hours", "-1"), "--hours must be positive, but is -1.0"),
        (("--gpus", "1", "--hours", "nan"), "--hours must be positive, but is nan"),
        (("--gpus", "1", "--hours", "1", "--gpu-memory-gb", "0"), "--gpu-memory-gb must be posit"),
        (("--gpus", "1", "--hours", "1", "--set", "x=1"), "x"),
    ],
)
def test_bad_values_are_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        main([*COMMAND, *options])


def test_a_missing_config_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="none.yaml"):
        main(["--config", str(tmp_path / "none.yaml"), "--gpus", "1", "--hours", "1"])
