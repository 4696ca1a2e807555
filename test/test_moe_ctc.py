"""A model whose experts have CTC heads in training, from training to its exported folder."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from labelled_sets import make_labelled_set, train_in

from moeasr import checkpoint
from moeasr.bin import decode, densify, export, profile, prune, transcribe, usage
from moeasr.errors import InputError

pytestmark = pytest.mark.slow

EXPERTS = {"type": "moe", "hidden_units": 12, "num_experts": 4, "experts_per_frame": 2}
HEAD = {
    "type": "expert_ctc",
    "weight": 0.5,
    "blocks": [2],
    "label": "dom",
    "labels": ["read", "chat"],
    "label_weight_schedule": [[0, 1.0], [8, 0.0]],
}
CONFIG = {
    "model": {
        "encoder": {
            **{"num_blocks": 2, "d_model": 16, "num_heads": 2},
            **{"feed_forward": EXPERTS, "macaron_feed_forward": {"hidden_units": 12}},
        },
        "decoder": {"num_blocks": 1, "num_reverse_blocks": 1, "num_heads": 2},
        "heads": {"experts": HEAD},
    },
    "data": {"batch": {"max_frames": 150}, "spec_augment": None},
    "train": {
        **{"max_epochs": 3, "num_workers": 0, "optim": {"lr": 1e-2}, "log_every_steps": 1},
        "schedule": {"name": "warmup_inverse_sqrt", "warmup_steps": 2},
    },
}
HEAD_PARAMS = 4 * 5 * (16 + 1) + 2 * 16  # experts, units, inputs and bias; norm


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """Six utterances of two domains with features, units and statistics."""
    return make_labelled_set(tmp_path_factory.mktemp("experts"), CONFIG, HEAD["labels"])


@pytest.fixture(scope="module")
def exp_dir(data_dir) -> Path:
    """The model, trained for three epochs, in which the weight of the labels reaches 0."""
    return train_in(data_dir, "whole")


def test_training_reports_the_experts_and_the_accuracy_of_labels(exp_dir):
    lines = [json.loads(line) for line in (exp_dir / "metrics.jsonl").read_text().splitlines()]
    of_training = [line for line in lines if line["kind"] == "train"]
    dev = [line for line in lines if line["kind"] == "dev"]
    assert of_training[-1]["step"] > 8  # the weight of the labels is 0
    assert of_training[-1]["loss_expert_ctc"] < of_training[0]["loss_expert_ctc"]
    assert all(line["loss_label"] > 0 for line in of_training)
    assert len(dev) == 3 and all(0 <= line["acc_group"] <= 1 for line in dev)
    assert "loss_expert_ctc" not in dev[0]


def test_a_training_that_is_resumed_while_labels_fade_gives_the_same_weights(exp_dir, data_dir):
    half = train_in(data_dir, "half", "--set", "train.max_epochs=1")
    last = checkpoint.load(half / "last.pt")
    train_in(data_dir, "half")
    whole, found = (checkpoint.load(path / "last.pt")["model"] for path in (exp_dir, half))
    assert whole.keys() == found.keys()
    assert all(torch.equal(whole[name], found[name]) for name in whole)
    name = "experts.blocks.1.weight"
    assert not torch.equal(last["model"][name], found[name])


def test_recognition_needs_no_labels(exp_dir, data_dir, tmp_path):
    other = tmp_path / "unlabelled"
    other.mkdir()
    for part in ("feats.scp", "conf"):
        (other / part).symlink_to(data_dir / part)
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--modes", "ctc_greedy_search"]
    texts = []
    for source in (data_dir, other):
        out = tmp_path / f"{source.name}_out"
        decode.main([*model, "--data-dir", str(source), "--out-dir", str(out)])
        texts.append((out / "ctc_greedy_search/text").read_text())
    assert texts[0] == texts[1] and texts[0].count("\n") == 6


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (None, "utt2dom does not exist, but a model that routes by dom requires it"),
        ("u0 read\nu1 chat\nu2 read\nu3 chat\n", "utt2dom names no dom for utterance u4"),
        ("".join(f"u{n} read\n" for n in range(6)), "no utterance of the .* has the dom 'chat'"),
    ],
)
def test_training_without_labels_is_refused_at_the_start(data_dir, tmp_path, table, sentence):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir.parent, folder, ignore=shutil.ignore_patterns("whole", "half"))
    path = folder / data_dir.name / "utt2dom"
    path.unlink()
    if table is not None:
        path.write_text(table)
    with pytest.raises(InputError, match=sentence):
        train_in(path.parent, "unlabelled")
    assert not list((folder / "unlabelled").glob("*.pt"))


def test_profile_and_usage_show_the_experts_without_their_heads(exp_dir, data_dir, tmp_path):
    profile.main(["--config", str(data_dir.parent / "train.yaml"), "--out", str(tmp_path / "cost")])
    record = json.loads((tmp_path / "cost").read_text())
    own = next(part for part in record["parts"] if part["part"] == "other heads")
    assert own["active_params"] == 0 and own["macs_per_audio_sec"] == 0
    assert record["uncounted"] == []
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--data-dir", str(data_dir)]
    usage.main([*model, "--out-dir", str(tmp_path)])
    record = json.loads((tmp_path / "expert_usage.json").read_text())
    names = [f"encoder.blocks.{n}.feed_forward" for n in (0, 1)]
    assert [layer["name"] for layer in record["layers"]] == names


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


def test_models_with_fewer_or_no_experts_have_no_such_heads(exp_dir, data_dir, tmp_path):
    model = ["--checkpoint", str(exp_dir / "last.pt")]
    data = ["--data-dir", str(data_dir)]
    dense, small = tmp_path / "dense.pt", tmp_path / "small.pt"
    densify.main([*model, *data, "--out", str(dense)])
    share = ["--drop-experts-below", "0.3"]
    prune.main([*model, *data, *share, "--out", str(small)])
    for path in (dense, small):
        content = checkpoint.load_with_model(path)
        assert content["config"]["model"]["heads"] == {}
        assert not any(name.startswith("experts.blocks") for name in content["model"])
    languages = ["--keep-languages", "read", "--out", str(tmp_path / "read.pt")]
    with pytest.raises(InputError, match="only a model with `router: language` or `router: learn"):
        prune.main([*model, *languages])


def test_a_dense_model_can_become_experts_with_heads(data_dir, exp_dir):
    dense = train_in(
        data_dir,
        "dense",
        *("--set", "model.heads={}", "--set", "train.max_epochs=1"),
        *("--set", "model.encoder.feed_forward={type: dense, hidden_units: 12}"),
    )
    upcycled = train_in(data_dir, "upcycled", "--set", f"init.dense={dense / 'last.pt'}")
    names = checkpoint.load(upcycled / "last.pt")["model"].keys()
    assert names == checkpoint.load(exp_dir / "last.pt")["model"].keys()
