"""The `show-config` command, which prints the config that a training would store."""

from pathlib import Path

import pytest
from experiments import DENSE, content_of

from moeasr import checkpoint
from moeasr.bin.show_config import main
from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig, load_experiment, write_config

CONFIG = Path(__file__).resolve().parents[2] / "egs/mini/conf/u2pp_moe.yaml"


def test_the_printed_config_equals_the_config_that_a_training_stores(tmp_path, capsys):
    main([str(CONFIG), "--set", "train.max_epochs=2"])
    shown = capsys.readouterr().out
    write_config(load_experiment(CONFIG, ["train.max_epochs=2"]), tmp_path)
    assert shown == (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert "max_epochs: 2" in shown and "num_experts: 8" in shown and "base" not in shown
    (tmp_path / "again.yaml").write_text(shown, encoding="utf-8")
    main([str(tmp_path / "again.yaml")])
    assert capsys.readouterr().out == shown


def test_a_training_can_take_the_model_of_a_checkpoint(tmp_path, capsys):
    path = tmp_path / "a.pt"
    checkpoint.save(path, content_of(DENSE))
    main([str(path)])
    (tmp_path / "again.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_experiment(tmp_path / "again.yaml") == ExperimentConfig(model=DENSE.model)
    with pytest.raises(InputError, match="--set changes the config of an experiment, not that of"):
        main([str(path), "--set", "train.max_epochs=2"])
