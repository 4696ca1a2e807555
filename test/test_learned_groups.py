"""A model whose head learns the domains of utterances, from training to its exported folder.

Its encoder also draws the number of experts per frame in training.
"""

import json
from pathlib import Path

import pytest
import torch
from labelled_sets import make_labelled_set, train_in

import moeasr
from moeasr import checkpoint
from moeasr.bin import decode, export, profile, transcribe, usage
from moeasr.errors import InputError

pytestmark = pytest.mark.slow

EXPERTS = {
    "type": "moe",
    "hidden_units": 12,
    "num_experts": 6,
    "experts_per_frame": {"train": [1, 2, 3], "decode": 2},
    "router": "learned_group",
}
HEAD = {"type": "group", "weight": 1.0, "label": "dom", "labels": ["read", "chat"]}
CONFIG = {
    "model": {
        "encoder": {
            **{"num_blocks": 2, "d_model": 16, "num_heads": 2, "num_dense_blocks": 1},
            **{"feed_forward": EXPERTS, "macaron_feed_forward": {"hidden_units": 12}},
        },
        "decoder": {"num_blocks": 1, "num_reverse_blocks": 1, "num_heads": 2},
        "heads": {"domain": HEAD},
    },
    "data": {"batch": {"max_frames": 150}, "spec_augment": None},
    "train": {
        **{"max_epochs": 2, "num_workers": 0, "optim": {"lr": 1e-2}},
        "schedule": {"name": "warmup_inverse_sqrt", "warmup_steps": 2},
    },
}
LAYER = "encoder.blocks.1.feed_forward"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """Six utterances of two domains with features, units and statistics."""
    return make_labelled_set(tmp_path_factory.mktemp("groups"), CONFIG, HEAD["labels"])


@pytest.fixture(scope="module")
def exp_dir(data_dir) -> Path:
    """The model, trained for two epochs."""
    return train_in(data_dir, "whole")


def test_training_reports_the_accuracy_of_labels(exp_dir):
    lines = [json.loads(line) for line in (exp_dir / "metrics.jsonl").read_text().splitlines()]
    dev = [line for line in lines if line["kind"] == "dev"]
    assert len(dev) == 2 and all(0 <= line["acc_group"] <= 1 for line in dev)
    assert dev[1]["loss_group"] < dev[0]["loss_group"]


def test_a_training_that_is_resumed_gives_the_same_weights(exp_dir, data_dir):
    half = train_in(data_dir, "half", "--set", "train.max_epochs=1")
    before = checkpoint.load(half / "last.pt")["model"]
    train_in(data_dir, "half")
    whole, found = (checkpoint.load(path / "last.pt")["model"] for path in (exp_dir, half))
    assert whole.keys() == found.keys()
    assert all(torch.equal(whole[name], found[name]) for name in whole)
    assert not torch.equal(before["domain.project.weight"], found["domain.project.weight"])


def test_recognition_needs_no_labels_but_counts_those_it_finds(exp_dir, data_dir, tmp_path):
    """An utterance of an unknown domain, and one without a line, are decoded but not counted."""
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--modes", "ctc_greedy_search"]
    texts, found = [], []
    for name, table in [("none", None), ("some", "u0 read\nu1 chat\nu2 song\nu3 chat\nu4 read\n")]:
        other = tmp_path / name
        other.mkdir()
        for part in ("feats.scp", "conf"):
            (other / part).symlink_to(data_dir / part)
        if table is not None:
            (other / "utt2dom").write_text(table)
        decode.main([*model, "--data-dir", str(other), "--out-dir", str(tmp_path / f"{name}_out")])
        (mode,) = (tmp_path / f"{name}_out").iterdir()
        texts.append((mode / "text").read_text())
        found.append(json.loads((mode / "decode.json").read_text()))
    assert texts[0] == texts[1] and texts[0].count("\n") == 6
    assert "label_accuracy" not in found[0] and 0 <= found[1]["label_accuracy"] <= 1
    asr = moeasr.load(exp_dir / "last.pt")
    assert asr.languages == ()


@pytest.mark.parametrize("k", [1, 3])
def test_any_number_of_experts_recognises(exp_dir, data_dir, tmp_path, k):
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--experts-per-frame", str(k)]
    decode.main([*model, "--data-dir", str(data_dir), "--out-dir", str(tmp_path)])
    about = json.loads((tmp_path / "attention_rescoring/decode.json").read_text())
    assert about["experts_per_frame"] == k
    per_expert = 12 * 16 * 2 + 12 + 16
    assert about["total_params"] - about["active_params"] == (6 - k) * per_expert


def test_more_experts_than_a_group_has_are_refused(exp_dir, data_dir, tmp_path, capsys):
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--experts-per-frame", "4"]
    fault = rf"{LAYER}: the number of experts per frame must be between 1 .* \(3\), but is 4"
    with pytest.raises(InputError, match=fault):
        decode.main([*model, "--data-dir", str(data_dir), "--out-dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    wider = ["--set", "model.encoder.feed_forward.experts_per_frame=4"]
    with pytest.raises(InputError, match="6 experts among 2 groups: .* must be at most 3"):
        train_in(data_dir, "wider", *wider)


def test_profile_and_usage_know_the_head_and_the_groups(exp_dir, data_dir, tmp_path):
    profile.main(["--config", str(data_dir.parent / "train.yaml"), "--out", str(tmp_path / "cost")])
    record = json.loads((tmp_path / "cost").read_text())
    parts = {part["part"]: part for part in record["parts"]}
    assert parts["other heads"]["total_params"] == 2 * 16 + 2 * 16 + 2  # norm and projection
    assert record["uncounted"] == []
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--data-dir", str(data_dir)]
    usage.main([*model, "--out-dir", str(tmp_path)])
    record = json.loads((tmp_path / "expert_usage.json").read_text())
    assert [layer["name"] for layer in record["layers"]] == [LAYER]
    assert record["layers"][0]["experts_per_frame"] == 2


def test_the_exported_folder_recognises_the_same(exp_dir, data_dir, tmp_path, capsys):
    folder = tmp_path / "folder"
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--data-dir", str(data_dir)]
    export.main([*model, "--out", str(folder), "--max-int8-loss", "100", "--offline-only"])
    wav = str(data_dir.parent / "3.wav")
    capsys.readouterr()
    lines = []
    for options in (["--checkpoint", str(exp_dir / "last.pt")], ["--model", str(folder)]):
        transcribe.main([*options, "--mode", "ctc_greedy_search", wav])
        lines.append(capsys.readouterr().out)
    assert lines[0] == lines[1]
    with pytest.raises(InputError, match="number of experts per frame of a model folder is fixed"):
        moeasr.load(folder, experts_per_frame=1)
