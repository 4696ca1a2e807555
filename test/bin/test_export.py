"""The entry point that exports a checkpoint; test/export tests the files."""

import sys

import pytest
from checkpoints import save_model

from moeasr.bin.export import main
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig


def call(tmp_path, *options):
    main(["--data-dir", str(tmp_path), "--out", str(tmp_path / "out"), *options])


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"package onnx.*pip install -e '\.\[deploy\]'"):
        call(tmp_path, "--checkpoint", "none")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-left-chunks", "-1"], "`num_left_chunks` must be at least 1 for a streaming"),
        (["--lm-weight", "0.5"], "`lm_weight` has no effect without `lm`"),
        ([], "checkpoint .*none does not exist"),
    ],
)
def test_settings_are_checked_first(tmp_path, options, message):
    pytest.importorskip("onnxscript")
    with pytest.raises(InputError, match=message):
        call(tmp_path, "--checkpoint", str(tmp_path / "none"), *options)


def test_an_empty_data_directory_is_refused_before_the_work(tmp_path):
    pytest.importorskip("onnxscript")
    path = save_model(tmp_path / "averaged.pt", MoeConfig(hidden_units=16, num_experts=4))
    with pytest.raises(InputError, match="has no feats.scp"):
        call(tmp_path, "--checkpoint", str(path))
    assert [found.name for found in tmp_path.iterdir()] == ["averaged.pt"]
