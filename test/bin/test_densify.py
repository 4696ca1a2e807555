"""The `densify` command, which turns a checkpoint with experts into a dense one."""

from dataclasses import replace

import pytest
import torch
from rounding import assert_close

from moeasr import checkpoint
from moeasr.bin.densify import get_parser, main
from moeasr.config import to_mapping
from moeasr.convert import output_change
from moeasr.decode.config import DecodeConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.features.archive import FeatureReader, open_archive
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.expert_copies import DENSIFY_METHODS
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.yaml_text import dump_yaml

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd", "\u2581"]
FBANK = FbankConfig(num_mel_bins=20)
MOE = MoeConfig(hidden_units=24, num_experts=4)


def save_model(path, feed_forward, router="top_k", languages=()):
    encoder = feed_forward if router == "top_k" else replace(feed_forward, router=router)
    config = ModelConfig(
        encoder=ConformerConfig(
            num_blocks=1,
            d_model=16,
            num_heads=2,
            feed_forward=encoder,
            macaron_feed_forward=encoder,
        ),
        decoder=DecoderConfig(
            num_blocks=1, num_reverse_blocks=1, num_heads=2, feed_forward=feed_forward
        ),
        languages=languages,
    )
    content = {
        "model": build_model(config, 20, len(UNITS)).state_dict(),
        "config": {"model": to_mapping(config), "train": {"max_epochs": 3}},
        "tokenizer": {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None},
        "fbank": to_mapping(FBANK),
        "info": {"commit": "abc", "seed": 5, "config_name": "tiny", "epoch": 3},
        "trainer": {"step": 1},
    }
    checkpoint.save(path, content)
    return path


@pytest.fixture
def moe_path(tmp_path):
    return save_model(tmp_path / "moe.pt", MOE)


@pytest.fixture
def data_dir(tmp_path):
    path = tmp_path / "dev"
    (path / "conf").mkdir(parents=True)
    (path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(FBANK)))
    (path / "text").write_text("u1 ab\nu2 a bcd\nu3 dad\n")
    with open_archive(path / "feats.ark", path / "feats.scp") as archive:
        for utt, num_frames in (("u1", 60), ("u2", 150), ("u3", 97)):
            archive.write(utt, torch.randn(num_frames, 20))
    return path


def arguments(moe_path, data_dir, *more):
    out = moe_path.parent / "dense.pt"
    argv = ["--checkpoint", moe_path, "--data-dir", data_dir, "--out", out, *more]
    return [str(item) for item in argv]


def test_the_result_is_a_dense_model_that_decodes(moe_path, data_dir, capsys):
    main(arguments(moe_path, data_dir, "--num-utts", 2))
    out = capsys.readouterr().out
    assert "4 sets of experts became feed-forwards by usage_average" in out
    assert f"on 2 utterances of {data_dir}" in out and out.count(" largest ") == 3
    dense = Recognizer.from_checkpoint(moe_path.parent / "dense.pt")
    assert not dense.model.moe_layers()
    assert dense.model.config.encoder.feed_forward == DenseConfig(hidden_units=24)
    config = DecodeConfig().resolve(dense.model)
    assert len(dense.recognize([torch.randn(90, 20)], ["attention"], config)["attention"]) == 1
    content = checkpoint.load(moe_path.parent / "dense.pt")
    assert "trainer" not in content and content["config"]["train"] == {"max_epochs": 3}
    info = content["info"]
    assert info["config_name"] == "tiny densified by usage_average" and info["seed"] == 5
    assert info["densified_from"]["checkpoint"] == str(moe_path)
    assert info["densified_from"]["info"]["epoch"] == 3 and "epoch" not in info


def test_weights_stay_in_float32_and_a_failed_measurement_leaves_no_file(
    moe_path, data_dir, monkeypatch
):
    argv, out = arguments(moe_path, data_dir), moe_path.parent / "dense.pt"
    main(argv)
    assert {weight.dtype for weight in checkpoint.load(out)["model"].values()} == {torch.float32}
    out.unlink()

    def fail(*args):
        raise InputError("no change can be measured")

    monkeypatch.setattr(output_change, "measure_change", fail)
    with pytest.raises(InputError, match="no change can be measured"):
        main(argv)
    assert not out.exists()


def test_experts_are_counted_over_all_utterances(moe_path, data_dir):
    recognizer = Recognizer.from_checkpoint(moe_path)
    name, layer = next(iter(recognizer.model.moe_layers().items()))
    assert name == "encoder.blocks.0.macaron_feed_forward"
    load = torch.zeros(4, dtype=torch.float64)
    for line in (data_dir / "feats.scp").read_text().splitlines():
        utt, entry = line.split(maxsplit=1)
        feats = FeatureReader().read(entry, utt)
        routings = recognizer.model.encode(feats[None], torch.tensor([len(feats)])).routings
        routing = routings[name]
        load += torch.bincount(routing.expert_ids.flatten(), minlength=4)
    experts = layer.experts.w1.detach().double()
    average = sum(share * weight for share, weight in zip(load / load.sum(), experts))
    for method, expected in (("most_used", experts[load.argmax()]), ("usage_average", average)):
        main(arguments(moe_path, data_dir, "--method", method, "--num-utts", 1))
        dense = checkpoint.load(moe_path.parent / "dense.pt")["model"]
        # float64, rounded once
        assert_close(dense[f"{name}.w1.weight"], expected, 1, expected.abs())


def test_a_model_with_one_expert_keeps_its_outputs(tmp_path, data_dir, capsys):
    one = MoeConfig(hidden_units=24, num_experts=1, experts_per_frame=1)
    main(arguments(save_model(tmp_path / "one.pt", one), data_dir))
    lines = [line for line in capsys.readouterr().out.splitlines() if " largest " in line]
    assert lines and all(float(line.split()[-3]) < 1e-12 for line in lines)


def test_the_option_offers_all_methods():
    actions = {action.dest: action for action in get_parser()._actions}
    assert list(actions["method"].choices) == list(DENSIFY_METHODS)


def test_a_data_directory_is_required(moe_path, capsys):
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(moe_path), "--out", "dense.pt"])
    assert "--data-dir" in capsys.readouterr().err


def test_a_model_that_routes_by_language_gets_the_languages(tmp_path, data_dir, capsys):
    path = save_model(tmp_path / "moe.pt", MOE, "language", ("de", "en"))
    with pytest.raises(InputError, match="utt2lang does not exist"):
        main(arguments(path, data_dir))
    (data_dir / "utt2lang").write_text("u1 en\nu2 de\nu3 en\n")
    main(arguments(path, data_dir))
    assert f"on 3 utterances of {data_dir}" in capsys.readouterr().out


def no_features(moe_path, data_dir):
    (data_dir / "feats.scp").unlink()
    return ()


def other_features(moe_path, data_dir):
    (data_dir / "conf" / "fbank.yaml").write_text("num_mel_bins: 80\n")
    return ()


def cut(moe_path, data_dir):
    moe_path.write_bytes(moe_path.read_bytes()[:2000])
    return ()


def no_experts(moe_path, data_dir):
    save_model(moe_path, DenseConfig(hidden_units=24))
    return ()


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (no_features, r"feats\.scp"),
        (other_features, "`num_mel_bins` is 80"),
        (cut, r"moe\.pt cannot be read"),
        (no_experts, r"moe\.pt has no experts"),
    ],
)
def test_invalid_input_is_refused_and_nothing_is_written(moe_path, data_dir, prepare, sentence):
    more = prepare(moe_path, data_dir)
    with pytest.raises(InputError, match=sentence):
        main(arguments(moe_path, data_dir, *more))
    assert not list(moe_path.parent.glob("*dense.pt*"))
