"""Parts from outside the package, named by import path, which work like those of moeasr.

One model has them all: own blocks under an own router, own feed-forwards in its decoder, an own
head beside CTC and attention, an own routing loss, and an own search that reads this head.
"""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from labelled_sets import make_labelled_set, train_in

from moeasr import checkpoint
from moeasr.bin import decode, profile, stream, usage
from moeasr.config import from_mapping
from moeasr.decode.hypothesis import read_nbest
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.models.build import build_model, load_model
from moeasr.models.config import ModelConfig
from moeasr.models.streaming_encoder import StreamingEncoder
from moeasr.yaml_text import dump_yaml

pytestmark = pytest.mark.slow

EXPERTS = {"type": "moe", "hidden_units": 12, "num_experts": 4, "router": "own_parts.SigmoidRouter"}
MIXER = {"type": "own_parts.MixerConfig", "num_blocks": 2, "d_model": 16, "num_heads": 2}
STACK = {"type": "own_parts.StackConfig", "d_model": 16}
GATED = {"type": "own_parts.GatedConfig", "hidden_units": 10, "gate": "tanh"}
MODEL = {
    "encoder": {**MIXER, "kernel_size": 3, "feed_forward": EXPERTS},
    "decoder": {"num_blocks": 1, "num_reverse_blocks": 1, "num_heads": 2, "feed_forward": GATED},
    "heads": {"count": {"type": "own_parts.CountConfig", "weight": 0.05}},
    "routing_losses": {"switch_balance": 0.01, "own_parts.negative_entropy": 0.01},
}
CONFIG = {
    "model": MODEL,
    "data": {"batch": {"max_frames": 150}, "spec_augment": None},
    "train": {
        "max_epochs": 2,
        "num_workers": 0,
        "optim": {"lr": 1e-2},
        "schedule": {"name": "warmup_inverse_sqrt", "warmup_steps": 2},
    },
}
OWN_MODE = "own_parts.by_count"
LAYERS = ["encoder.blocks.0.feed_forward", "encoder.blocks.1.feed_forward"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """Six utterances with features, units and statistics."""
    return make_labelled_set(tmp_path_factory.mktemp("own"), CONFIG)


@pytest.fixture(scope="module")
def exp_dir(data_dir) -> Path:
    """The model, trained for two epochs."""
    return train_in(data_dir, "whole")


def test_they_train(exp_dir, data_dir):
    lines = [json.loads(line) for line in (exp_dir / "metrics.jsonl").read_text().splitlines()]
    dev = [line for line in lines if line["kind"] == "dev"]
    assert all(
        math.log(1 / 4) <= each["loss_own_parts.negative_entropy"] / 0.02 < 0 for each in dev
    )
    assert len(dev) == 2 and dev[1]["loss_count"] < dev[0]["loss_count"]
    (experts, _) = [line for line in lines if line["kind"] == "experts"]
    shares = [experts[f"layer_{layer:02d}/expert_{e}"] for layer in range(2) for e in range(4)]
    assert sum(shares) == pytest.approx(2.0)
    trained = checkpoint.load(exp_dir / "last.pt")["model"]
    torch.manual_seed(777)
    begun = build_model(from_mapping(ModelConfig, MODEL, "test"), 20, 6).state_dict()
    for name in ("count.project.weight", "encoder.blocks.0.feed_forward.router.scores.weight"):
        assert trained[name].shape == begun[name].shape


def test_a_trained_model_needs_no_routing_loss(exp_dir, monkeypatch):
    """A loss has no part in recognition, so that its module may be absent there."""
    content = checkpoint.load(exp_dir / "last.pt")
    losses = content["config"]["model"]["routing_losses"]
    losses["not_here.loss"] = losses.pop("own_parts.negative_entropy")
    assert load_model(content).config.routing_losses["not_here.loss"] == 0.01


def test_a_training_that_is_resumed_gives_the_same_weights(exp_dir, data_dir):
    half = train_in(data_dir, "half", "--set", "train.max_epochs=1")
    before = checkpoint.load(half / "last.pt")["model"]
    train_in(data_dir, "half")
    whole, found = (checkpoint.load(path / "last.pt")["model"] for path in (exp_dir, half))
    assert whole.keys() == found.keys()
    assert all(torch.equal(whole[name], found[name]) for name in whole)
    assert not torch.equal(before["count.project.weight"], found["count.project.weight"])


def test_they_decode_also_by_a_search_that_reads_an_own_head(exp_dir, data_dir, tmp_path):
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--data-dir", str(data_dir)]
    modes = f"ctc_prefix_beam_search joint_decoding attention_rescoring {OWN_MODE}"
    decode.main([*model, "--out-dir", str(tmp_path), "--modes", modes, "--beam-size", "5"])
    plain, own = (
        read_nbest(tmp_path / mode / "nbest.jsonl") for mode in ("ctc_prefix_beam_search", OWN_MODE)
    )
    assert own.keys() == plain.keys() and len(own) == 6
    for utt, entries in own.items():
        texts = [entry["text"] for entry in entries]
        assert sorted(texts) == sorted(entry["text"] for entry in plain[utt])


def test_a_search_whose_head_a_model_lacks_is_refused(data_dir, tmp_path):
    config = {**CONFIG, "model": {**MODEL, "heads": {}}}
    (tmp_path / "train.yaml").write_text(dump_yaml(config))
    exp = train_in(data_dir, "headless", "--config", str(tmp_path / "train.yaml"))
    model = ["--checkpoint", str(exp / "last.pt"), "--data-dir", str(data_dir)]
    with pytest.raises(InputError, match="'own_parts.by_count' needs the head 'count', but this"):
        decode.main([*model, "--out-dir", str(tmp_path / "out"), "--modes", OWN_MODE])
    assert not (tmp_path / "out").exists()


def test_they_stream(exp_dir, data_dir, tmp_path, capsys):
    """Chunk by chunk the encoder gives what it gives under the mask of these chunks, to 1e-9."""
    model = load_model(checkpoint.load(exp_dir / "last.pt")).double()
    feats = torch.randn(1, 83, 20, dtype=torch.float64)
    streaming = StreamingEncoder(model, chunk_size=4)
    state, pieces, position = streaming.start(), [], 0
    while position < feats.size(1):
        piece = feats[:, position : position + streaming.window_frames]
        output, state = streaming.step(piece, torch.tensor([piece.size(1)]), state)
        pieces.append(output.enc[:, : int(output.enc_lens[0])])
        position += streaming.hop_frames
    wanted = model.encode(feats, torch.tensor([83]), chunk_size=4).enc
    torch.testing.assert_close(torch.cat(pieces, dim=1), wanted, rtol=0, atol=1e-9)
    options = ["--simulate", str(data_dir), "--out-dir", str(tmp_path), "--chunk-size", "4"]
    stream.main(["--checkpoint", str(exp_dir / "last.pt"), "--mode", OWN_MODE, *options])
    assert (tmp_path / f"{OWN_MODE}_chunk4_stream" / "text").read_text().count("\n") == 6
    assert "s of computing per second of audio" in capsys.readouterr().out


def test_an_encoder_of_another_frame_rate_trains_decodes_and_streams(data_dir, tmp_path):
    """The encoder has no blocks, so all other code must rely only on the interface of encoders."""
    config = {**CONFIG, "model": {**MODEL, "encoder": STACK, "routing_losses": {}}}
    (tmp_path / "train.yaml").write_text(dump_yaml(config))
    exp = train_in(data_dir, "stack", "--config", str(tmp_path / "train.yaml"))
    model = ["--checkpoint", str(exp / "last.pt")]
    whole, chunks, live = (tmp_path / name for name in ("whole", "chunks", "live"))
    modes = ["--data-dir", str(data_dir), "--modes", " ".join([*SEARCHES, OWN_MODE])]
    decode.main([*model, *modes, "--out-dir", str(whole)])
    decode.main([*model, *modes, "--out-dir", str(chunks), "--chunk-size", "2"])
    for mode in (*SEARCHES, OWN_MODE):  # no frame sees more than its own features
        text = (whole / mode / "text").read_text()
        assert text == (chunks / f"{mode}_chunk2" / "text").read_text()
    simulate = ["--simulate", str(data_dir), "--out-dir", str(live), "--chunk-size", "2"]
    stream.main([*model, "--mode", "ctc_greedy_search", *simulate])
    (text,) = live.glob("*/text")
    assert text.read_text() == (whole / "ctc_greedy_search/text").read_text()
    profile.main(["--config", str(tmp_path / "train.yaml"), "--out", str(tmp_path / "cost.json")])
    assert json.loads((tmp_path / "cost.json").read_text())["uncounted"] == ["StackEncoder"]


def test_blocks_that_see_the_future_do_not_stream_and_say_why(data_dir):
    centred = {**MODEL["encoder"], "causal_conv": False, "dynamic_chunk": False}
    model = build_model(from_mapping(ModelConfig, {**MODEL, "encoder": centred}, "test"), 20, 6)
    with pytest.raises(InputError, match="cannot decode in chunks"):
        StreamingEncoder(model.eval(), chunk_size=4)


def test_profile_shows_what_they_cost(data_dir, tmp_path, capsys):
    out = tmp_path / "cost.json"
    profile.main(["--config", str(data_dir.parent / "train.yaml"), "--out", str(out)])
    record = json.loads(out.read_text())
    parts = {part["part"]: part for part in record["parts"]}
    assert parts["router"]["total_params"] == 2 * (16 * 4 + 4)
    assert parts["router"]["uncounted"] == ["SigmoidRouter"]  # it does not say what it costs
    assert parts["other heads"]["total_params"] == 17
    vocab_size = parts["CTC head"]["total_params"] // 17  # 16 weights and a bias for each unit
    of_ctc, of_count = (parts[p]["macs_per_audio_sec"] for p in ("CTC head", "other heads"))
    assert of_count == pytest.approx(of_ctc / vocab_size, abs=1)
    assert "SigmoidRouter" in capsys.readouterr().out


def test_usage_shows_the_layers_they_route(exp_dir, data_dir, tmp_path):
    model = ["--checkpoint", str(exp_dir / "last.pt"), "--data-dir", str(data_dir)]
    usage.main([*model, "--out-dir", str(tmp_path)])
    record = json.loads((tmp_path / "expert_usage.json").read_text())
    assert [layer["name"] for layer in record["layers"]] == LAYERS


@pytest.mark.parametrize(
    ("key", "path", "message"),
    [
        (
            "encoder.type",
            "own_parts.SigmoidRouter",
            "must be a moeasr.models.encoders.encoder.Encoder",
        ),
        ("encoder.type", "own_parts.Missing", "own_parts has no Missing"),
        ("encoder.feed_forward.router", "own_parts.by_count", "must be a moeasr.moe.router.Router"),
        (
            "heads.count.type",
            "own_parts.GatedConfig",
            "must be a moeasr.models.heads.head.HeadConfig",
        ),
        (
            "routing_losses",
            "{shutil.rmtree: 0.1}",
            "`routing_losses`: 'shutil.rmtree' must be a function of a Routing alone",
        ),
    ],
)
def test_what_is_no_such_part_is_refused(data_dir, tmp_path, key, path, message):
    with pytest.raises(InputError, match=message):
        train_in(data_dir, "refused", "--set", f"model.{key}={path}")
    shutil.rmtree(data_dir.parent / "refused", ignore_errors=True)
