"""The `prune` command, which removes experts from a checkpoint."""

import json

import pytest
import torch
from checkpoints import FBANK, save_model

import moeasr
from moeasr import checkpoint
from moeasr.bin import decode, densify, upcycle
from moeasr.bin.prune import main
from moeasr.config import to_mapping
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.moe.layer import MoeConfig
from moeasr.yaml_text import dump_yaml

ROUTED = MoeConfig(hidden_units=16, num_experts=6, router="language")


@pytest.fixture
def told_path(tmp_path):
    """A model that routes by one of three languages."""
    return save_model(tmp_path / "told.pt", ROUTED, languages=("en", "zh", "ja"))


@pytest.fixture
def data_dir(tmp_path):
    path = tmp_path / "dev"
    (path / "conf").mkdir(parents=True)
    (path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(FBANK)))
    (path / "text").write_text("u1 ab\nu2 a bcd\n")
    (path / "utt2lang").write_text("u1 en\nu2 en\n")
    with open_archive(path / "feats.ark", path / "feats.scp") as archive:
        for utt, num_frames in (("u1", 60), ("u2", 150)):
            archive.write(utt, torch.randn(num_frames, 20))
    return path


def prune(path, out, *options):
    main(["--checkpoint", str(path), "--out", str(out), *map(str, options)])
    return out


def nbest_of(path, data_dir, out):
    """Decode, and return the content of nbest.jsonl."""
    decode.main(["--checkpoint", str(path), "--data-dir", str(data_dir), "--out-dir", str(out)])
    lines = (out / "attention_rescoring/nbest.jsonl").read_text().splitlines()
    return [[entry["text"] for entry in json.loads(line)["nbest"]] for line in lines]


def test_a_model_for_one_language_decodes_it_as_before(told_path, data_dir, tmp_path, capsys):
    small = prune(told_path, tmp_path / "en.pt", "--keep-languages", "en")
    printed = capsys.readouterr().out
    assert f"{small}: pruned to en in 1 layer" in printed
    assert "parameters after" in printed
    before = nbest_of(told_path, data_dir, tmp_path / "before")
    assert nbest_of(small, data_dir, tmp_path / "after") == before
    content = checkpoint.load(small)
    assert content["info"]["config_name"] == "tiny pruned to en"
    assert content["info"]["pruned_from"]["checkpoint"] == str(told_path)
    assert Recognizer.from_checkpoint(small).language_id("en") is None


def test_a_pruned_model_refuses_dropped_languages(told_path, data_dir, tmp_path):
    """A model that was pruned twice remembers both prunings."""
    two = prune(told_path, tmp_path / "two.pt", "--keep-languages", "en,ja")
    one = prune(two, tmp_path / "one.pt", "--keep-languages", "ja")
    for path, dropped in [(two, ["zh"]), (one, ["zh", "en"])]:
        recognizer = Recognizer.from_checkpoint(path)
        for name in dropped:
            with pytest.raises(InputError, match=f"language '{name}' were pruned from this model"):
                recognizer.language_id(name)
            (data_dir / "utt2lang").write_text(f"u1 ja\nu2 {name}\n")
            with pytest.raises(InputError, match=f"utterance u2 has the language '{name}'"):
                nbest_of(path, data_dir, tmp_path / "out")
            assert not (tmp_path / "out").exists()
    (data_dir / "utt2lang").write_text("u1 ja\nu2 ja\n")
    assert nbest_of(one, data_dir, tmp_path / "one") == nbest_of(two, data_dir, tmp_path / "two")
    with pytest.raises(InputError, match="'fr', but this model does not route by language"):
        Recognizer.from_checkpoint(one).language_id("fr")
    asr = moeasr.load(one)
    assert asr.languages == ()


def test_models_converted_from_a_pruned_one_refuse_dropped_languages(told_path, data_dir, tmp_path):
    one = prune(told_path, tmp_path / "one.pt", "--keep-languages", "en")
    dense, more = tmp_path / "dense.pt", tmp_path / "more.pt"
    densify.main(f"--checkpoint {one} --data-dir {data_dir} --out {dense}".split())
    config = checkpoint.load(one)["config"]
    (tmp_path / "more.yaml").write_text(dump_yaml(config))
    upcycle.main(f"--checkpoint {dense} --config {tmp_path}/more.yaml --out {more}".split())
    for path in (dense, more):
        with pytest.raises(InputError, match="language 'zh' were pruned from this model"):
            Recognizer.from_checkpoint(path).language_id("zh")


def test_rarely_used_experts_go_by_their_load_on_a_data_directory(data_dir, tmp_path, capsys):
    path = save_model(tmp_path / "moe.pt", MoeConfig(hidden_units=16, num_experts=6))
    options = ("--data-dir", data_dir, "--drop-experts-below", "0.999")
    small = prune(path, tmp_path / "small.pt", *options)
    assert "without experts below 0.999 in 1 layer" in capsys.readouterr().out
    (layer,) = Recognizer.from_checkpoint(small).model.moe_layers().values()
    assert layer.experts.num_experts == 2  # as many as a frame uses
    assert checkpoint.load(small)["info"]["config_name"] == "tiny without experts below 0.999"


def test_similar_experts_are_merged_and_the_change_is_printed(data_dir, tmp_path, capsys):
    path = save_model(tmp_path / "moe.pt", MoeConfig(hidden_units=16, num_experts=4))
    model = checkpoint.load(path)
    for name, weight in model["model"].items():
        if ".experts." in name:
            weight.copy_(weight[:1].expand_as(weight))
    checkpoint.save(path, model)
    options = ("--data-dir", data_dir, "--merge-experts", "3")
    small = prune(path, tmp_path / "small.pt", *options)
    printed = capsys.readouterr().out
    assert f"{small}: merged to 3 experts in 1 layer" in printed
    line = next(line for line in printed.splitlines() if "CTC log-probabilities" in line)
    assert float(line.split()[3]) < 1e-12
    content = checkpoint.load(small)
    assert content["info"]["config_name"] == "tiny merged to 3 experts"
    assert content["config"]["model"]["encoder"]["feed_forward"]["merged_from"] == 4
    assert nbest_of(small, data_dir, tmp_path / "a") == nbest_of(path, data_dir, tmp_path / "b")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--merge-experts", "2"], "only --drop-experts-below and --merge-experts have, and need"),
        (["--drop-experts-below", "0.1"], "and --merge-experts have, and need, --data-dir"),
        (["--keep-languages", "en", "--data-dir", "x"], "only --drop-experts-below"),
        (
            ["--keep-languages", "fr"],
            "--keep-languages contains 'fr', but the model has only en, zh, ja",
        ),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(told_path, tmp_path, options, reason):
    with pytest.raises(InputError, match=reason):
        prune(told_path, tmp_path / "out.pt", *options)
    assert not (tmp_path / "out.pt").exists()


def test_bad_numbers_are_refused_before_the_experts_are_counted(tmp_path):
    """The data directory does not exist, so that it is not read."""
    path = save_model(tmp_path / "moe.pt", MoeConfig(hidden_units=16, num_experts=4))
    for option, number, reason in (
        ("--drop-experts-below", 1.5, "must be above 0 and below 1, but is 1.5"),
        ("--merge-experts", 1, "must be at least 2, the number of experts per frame"),
        ("--merge-experts", 4, "no layer has more than 4 experts"),
    ):
        with pytest.raises(InputError, match=reason):
            prune(path, tmp_path / "out.pt", "--data-dir", tmp_path / "none", option, number)


def test_a_model_without_experts_is_refused(tmp_path):
    with pytest.raises(InputError, match="dense.pt has no experts"):
        prune(save_model(tmp_path / "dense.pt"), tmp_path / "out.pt", "--keep-languages", "en")
