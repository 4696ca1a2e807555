"""The `upcycle` command, which turns a dense checkpoint into one with experts."""

import subprocess
import sys

import pytest
import torch

from moeasr import checkpoint
from moeasr.bin.upcycle import main
from moeasr.config import load_yaml, to_mapping
from moeasr.decode.config import DecodeConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.yaml_text import dump_yaml

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd", "\u2581"]
FBANK = FbankConfig(num_mel_bins=20)
SECTIONS = ("encoder.macaron_feed_forward", "encoder.feed_forward", "decoder.feed_forward")
MODES = ["ctc_greedy_search", "attention_rescoring"]


def model_config(feed_forward):
    return ModelConfig(
        encoder=ConformerConfig(
            num_blocks=1,
            d_model=16,
            num_heads=2,
            feed_forward=feed_forward,
            macaron_feed_forward=feed_forward,
        ),
        decoder=DecoderConfig(
            num_blocks=1, num_reverse_blocks=1, num_heads=2, feed_forward=feed_forward
        ),
    )


@pytest.fixture
def dense_path(tmp_path):
    config = model_config(DenseConfig(hidden_units=24))
    model = build_model(config, 20, len(UNITS), (torch.randn(20), torch.rand(20) + 0.5))
    torch.nn.init.normal_(model.ctc.project.weight, std=2.0)
    model.ctc.project.bias.data[[0, 1, 2, -1]] = -50  # only letters are recognised
    path = tmp_path / "dense.pt"
    content = {
        "model": model.state_dict(),
        "config": {"model": to_mapping(config)},
        "tokenizer": {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None},
        "fbank": to_mapping(FBANK),
        "info": {"commit": "abc", "seed": 5, "config_name": "dense"},
    }
    checkpoint.save(path, content)
    return path


@pytest.fixture
def config_path(tmp_path):
    """Write a config with experts half as wide as the dense feed-forward, as in the recipes."""
    experts = MoeConfig(hidden_units=12, num_experts=4)
    path = tmp_path / "moe.yaml"
    path.write_text(dump_yaml({"model": to_mapping(model_config(experts))}))
    return path


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


def arguments(dense_path, config_path, *more, width=24):
    argv = ["--checkpoint", dense_path, "--config", config_path]
    for section in SECTIONS if width else ():
        argv += ["--set", f"model.{section}.hidden_units={width}"]
    return [str(item) for item in (*argv, "--out", dense_path.parent / "moe.pt", *more)]


def printed_changes(text):
    """Return the largest differences in a report, line by line."""
    lines = [line for line in text.splitlines() if " largest " in line]
    return [float(line.split("largest")[1].split()[0]) for line in lines]


def test_the_result_gives_the_text_of_the_dense_model(dense_path, config_path, data_dir, capsys):
    main(arguments(dense_path, config_path, "--data-dir", data_dir, "--num-utts", 2))
    out = capsys.readouterr().out
    assert f"{dense_path.parent / 'moe.pt'}: 4 feed-forwards became sets of experts" in out
    assert f"on 2 utterances of {data_dir}" in out
    changes = printed_changes(out)
    assert len(changes) == 3 and max(changes) < 1e-12

    dense = Recognizer.from_checkpoint(dense_path)
    moe = Recognizer.from_checkpoint(dense_path.parent / "moe.pt")
    assert [layer.experts.num_experts for _, layer in moe.model.moe_layers().items()] == [4] * 4
    assert torch.equal(moe.model.cmvn.mean, dense.model.cmvn.mean)
    feats = [torch.randn(120, 20), torch.randn(80, 20)]
    texts = []
    for recognizer in (dense, moe):
        best = recognizer.recognize(feats, MODES, DecodeConfig().resolve(recognizer.model))
        texts.append([[recognizer.text(utt[0]) for utt in best[mode]] for mode in MODES])
    assert texts[0] == texts[1]
    assert any(texts[0][0])


def test_the_checkpoint_has_the_origin_of_its_weights(dense_path, config_path):
    argv = arguments(dense_path, config_path, "--seed", 6, "--noise", 0.25)
    main(argv)
    content = checkpoint.load(dense_path.parent / "moe.pt")
    info = content["info"]
    assert info["seed"] == 6 and info["commit"]
    assert info["config_name"].startswith("moe model.encoder.macaron_feed_forward.hidden_units=24")
    assert info["train_command"].startswith("python3 -m moeasr.bin.upcycle --checkpoint ")
    assert info["upcycled_from"]["checkpoint"] == str(dense_path)
    assert info["upcycled_from"]["noise"] == 0.25
    assert info["upcycled_from"]["info"]["config_name"] == "dense"
    assert content["config"]["model"]["decoder"]["feed_forward"]["hidden_units"] == 24
    assert "train" in content["config"] and "data" in content["config"]


def test_random_features_are_reported_and_noise_changes_the_outputs(
    dense_path, config_path, capsys
):
    main(arguments(dense_path, config_path))
    exact = capsys.readouterr().out
    assert "8 utterances of random features (seed 777" in exact
    assert max(printed_changes(exact)) < 1e-12
    main(arguments(dense_path, config_path, "--noise", 0.1))
    assert min(printed_changes(capsys.readouterr().out)) > 1e-4


def test_the_seed_determines_routers_and_noise(dense_path, config_path):
    states = []
    for seed in (1, 1, 2):
        main(arguments(dense_path, config_path, "--noise", 0.1, "--seed", seed))
        states.append(checkpoint.load(dense_path.parent / "moe.pt")["model"])
    drawn = [name for name in states[0] if ".router." in name or ".experts." in name]
    assert drawn and all(torch.equal(states[0][name], states[1][name]) for name in drawn)
    assert not any(torch.equal(states[0][name], states[2][name]) for name in drawn)


def test_expert_weights_full_gives_a_warning(dense_path, config_path, capsys):
    more = [item for s in SECTIONS for item in ("--set", f"model.{s}.expert_weights=full")]
    main(arguments(dense_path, config_path, *more))
    output = capsys.readouterr()
    assert "`expert_weights: full` in 4 of 4 upcycled feed-forwards" in output.err
    assert min(printed_changes(output.out)) > 1e-3


def test_outputs_of_a_model_that_routes_by_language_are_compared(
    dense_path, config_path, data_dir, capsys
):
    (data_dir / "utt2lang").write_text("u1 en\nu2 de\nu3 en\n")
    more = ["--set", "model.languages=[en, de]"]
    more += ["--set", "model.encoder.feed_forward.router=language"]
    for where in ([], ["--data-dir", data_dir]):
        main(arguments(dense_path, config_path, *more, *where))
        assert max(printed_changes(capsys.readouterr().out)) < 1e-12


def damage(dense_path):
    dense_path.write_bytes(dense_path.read_bytes()[:2000])
    return ()


def without_config(dense_path):
    content = checkpoint.load(dense_path)
    del content["config"]
    checkpoint.save(dense_path, content)
    return ()


def plain_config(dense_path):
    path = dense_path.parent / "plain.yaml"
    path.write_text(dump_yaml({"model": checkpoint.load(dense_path)["config"]["model"]}))
    return "--config", path


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (damage, r"dense\.pt cannot be read \(truncated"),
        (without_config, r"dense\.pt lacks 'config'"),
        (plain_config, "nothing to upcycle"),
        (lambda path: ("--checkpoint", path.parent / "no.pt"), r"no\.pt does not exist"),
        (lambda path: ("--data-dir", path.parent / "nowhere"), "nowhere"),
        (lambda path: ("--noise", -1), "noise must be 0 or more"),
        (lambda path: ("--set", "model.encoder.d_mdel=2"), "did you mean 'model.encoder.d_model'"),
    ],
)
def test_invalid_input_is_refused_and_nothing_is_written(
    dense_path, config_path, prepare, sentence
):
    more = prepare(dense_path)
    with pytest.raises(InputError, match=sentence):
        main(arguments(dense_path, config_path, *more))
    assert not list(dense_path.parent.glob("*moe.pt*"))


def test_experts_of_another_width_are_refused_with_the_required_overrides(dense_path, config_path):
    with pytest.raises(InputError) as error:
        main(arguments(dense_path, config_path, width=None))
    message = str(error.value)
    assert "`model.encoder.feed_forward.hidden_units` is 12 but 24" in message
    overrides = [word for word in message.split() if word.startswith("model.")]
    assert len(overrides) == 3
    more = [item for override in overrides for item in ("--set", override)]
    main(arguments(dense_path, config_path, *more, width=None))  # the suggested overrides work


def test_a_checkpoint_with_another_number_of_experts_is_refused(dense_path, config_path):
    main(arguments(dense_path, config_path))
    moe_path, out = dense_path.parent / "moe.pt", dense_path.parent / "more.pt"
    mapping = load_yaml(config_path)
    mapping["model"]["decoder"]["feed_forward"]["num_experts"] = 8
    config_path.write_text(dump_yaml(mapping))
    with pytest.raises(InputError, match=r"decoder\.feed_forward\.num_experts` is 8 but 4 in"):
        main(arguments(dense_path, config_path, "--checkpoint", moe_path, "--out", out))
    assert not out.exists()


@pytest.mark.slow
def test_a_fault_gives_one_sentence_and_status_1(tmp_path):
    argv = ["--checkpoint", "no.pt", "--config", "no.yaml", "--out", str(tmp_path / "moe.pt")]
    command = [sys.executable, "-m", "moeasr.bin.upcycle", *argv]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["upcycle.py: config file no.yaml does not exist"]
