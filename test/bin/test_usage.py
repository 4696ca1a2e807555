"""The `usage` command, which measures the use of experts on a data directory."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import audio_sets
import pytest
import torch

from moeasr import checkpoint
from moeasr.bin.usage import main
from moeasr.config import to_mapping
from moeasr.data.data_type import DATA_TYPES
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.report.usage_table import LEGEND
from moeasr.yaml_text import dump_yaml

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd", "\u2581"]
FBANK = FbankConfig(num_mel_bins=20)
UTTS = {"u1": (60, "ab"), "u2": (150, "a bcd"), "u3": (97, "dad"), "u4": (41, "c")}
NAMES = [
    "encoder.blocks.0.macaron_feed_forward",
    "encoder.blocks.0.feed_forward",
    "encoder.blocks.1.macaron_feed_forward",
    "encoder.blocks.1.feed_forward",
    "decoder.blocks.0.feed_forward",
    "reverse_decoder.blocks.0.feed_forward",
]


def tiny_config(has_experts=True, decoder=None, embedding=None, languages=(), **encoder):
    few = MoeConfig(hidden_units=8, num_experts=4) if has_experts else DenseConfig(hidden_units=8)
    many = replace(few, num_experts=5) if has_experts else few
    sizes = {"num_blocks": 2, "d_model": 16, "num_heads": 2}
    feed_forwards = {"macaron_feed_forward": few, "feed_forward": few}
    decoder = decoder or DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2)
    return ModelConfig(
        encoder=ConformerConfig(**{**sizes, **feed_forwards, **encoder}),
        embedding=embedding,
        languages=languages,
        decoder=replace(decoder, feed_forward=many),
        ctc_weight=0.3 if decoder.num_blocks else 1.0,
        reverse_weight=0.3 if decoder.num_reverse_blocks else 0.0,
    )


@pytest.fixture(scope="module")
def save_model(tmp_path_factory):
    def save(config):
        torch.manual_seed(4)
        model = build_model(config, num_mel_bins=20, vocab_size=len(UNITS))
        path = tmp_path_factory.mktemp("exp") / "averaged.pt"
        content = {
            "model": model.state_dict(),
            "config": {"model": to_mapping(config)},
            "tokenizer": {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None},
            "fbank": to_mapping(FBANK),
            "info": {"commit": "abc", "seed": 5, "config_name": "tiny"},
        }
        checkpoint.save(path, content)
        return path

    return save


@pytest.fixture(scope="module")
def model_path(save_model):
    return save_model(tiny_config())


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "test"
    (path / "conf").mkdir(parents=True)
    (path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(FBANK)))
    (path / "text").write_text("".join(f"{utt} {text}\n" for utt, (_, text) in UTTS.items()))
    generator = torch.Generator().manual_seed(1)
    with open_archive(path / "feats.ark", path / "feats.scp") as archive:
        for utt, (num_frames, _) in UTTS.items():
            archive.write(utt, torch.randn(num_frames, 20, generator=generator))
    return path


def arguments(model_path, data_dir, *more):
    return ["--checkpoint", str(model_path), "--data-dir", str(data_dir), *map(str, more)]


def usage_of(model_path, data_dir, out_dir, *more):
    main(arguments(model_path, data_dir, "--out-dir", out_dir, *more))
    return json.loads((out_dir / "expert_usage.json").read_text())


def test_loads_sum_to_k_assignments_per_valid_frame(model_path, data_dir, tmp_path, capsys):
    record = usage_of(model_path, data_dir, tmp_path)
    # after subsampling
    num_frames = sum(((length - 1) // 2 - 1) // 2 for length, _ in UTTS.values())
    num_tokens = sum(len(text) + 1 for _, text in UTTS.values())  # with <sos/eos>
    assert [layer["name"] for layer in record["layers"]] == NAMES
    for layer in record["layers"]:
        is_decoder = "decoder" in layer["name"]
        assert layer["num_frames"] == (num_tokens if is_decoder else num_frames)
        assert layer["num_experts"] == len(layer["load"]) == (5 if is_decoder else 4)
        assert layer["experts_per_frame"] == 2
        assert sum(layer["load"]) == 2 * layer["num_frames"]
    assert record["num_experts"] == 4 * 4 + 2 * 5
    cvs = [layer["cv"] for layer in record["layers"]]
    assert record["mean_cv"] == pytest.approx(sum(cvs) / 6)
    assert record["num_dead_experts"] == sum(len(x["dead_experts"]) for x in record["layers"])
    assert (record["set"], record["num_utts"], record["config"]) == ("test", 4, "tiny")
    assert record["command"].startswith("python3 -m moeasr.bin.usage --checkpoint")

    table, legend = capsys.readouterr().out.split("\n\n")
    assert legend.strip() == LEGEND
    lines = table.splitlines()
    assert [line.split()[0] for line in lines] == ["layer", *NAMES, "all"]
    assert lines[-1].startswith(f"all layers (6): mean CV {record['mean_cv']:.3f}, ")
    page = (tmp_path / "expert_usage.md").read_text()
    assert lines[-1] in page and record["command"] in page
    assert all(f"| {name} |" in page for name in NAMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "expert_usage.json",
        "expert_usage.md",
    ]


def test_the_batch_size_does_not_change_the_loads(model_path, data_dir, tmp_path):
    alone = usage_of(model_path, data_dir, tmp_path / "alone", "--batch-frames", 1)
    together = usage_of(model_path, data_dir, tmp_path / "together", "--batch-frames", 10000)
    assert alone["layers"] == together["layers"]


def test_chunks_change_the_loads(model_path, data_dir, tmp_path):
    whole = usage_of(model_path, data_dir, tmp_path / "whole")
    chunks = usage_of(model_path, data_dir, tmp_path / "chunks", "--chunk-size", 2)
    assert chunks["chunk_size"] == 2
    assert [x["num_frames"] for x in chunks["layers"]] == [x["num_frames"] for x in whole["layers"]]
    assert [x["load"] for x in chunks["layers"]] != [x["load"] for x in whole["layers"]]


def test_without_out_dir_the_table_is_only_printed(
    model_path, data_dir, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    main(arguments(model_path, data_dir))
    assert len(capsys.readouterr().out.partition("\n\n")[0].splitlines()) == 8
    assert list(tmp_path.iterdir()) == []


def test_the_picture_can_be_read(model_path, data_dir, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    usage_of(model_path, data_dir, tmp_path, "--plot")
    pixels = image.imread(tmp_path / "expert_usage.png")
    height, width, _ = pixels.shape
    assert height > 300 and width > 600
    assert pixels.std() > 0.05  # the picture is not empty
    assert "(expert_usage.png)" in (tmp_path / "expert_usage.md").read_text()


def test_a_missing_matplotlib_is_reported_before_the_measurement(
    model_path, data_dir, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match="pip install matplotlib"):
        usage_of(model_path, data_dir, tmp_path / "out", "--plot")
    assert not (tmp_path / "out").exists()


def test_blocks_that_share_experts_are_measured_separately(save_model, data_dir, tmp_path):
    layers = usage_of(save_model(tiny_config(num_groups=1)), data_dir, tmp_path)["layers"]
    assert [layer["name"] for layer in layers] == NAMES
    assert layers[1]["load"] != layers[3]["load"]  # each block has its own router


def test_layers_with_a_shared_expert_are_counted(save_model, data_dir, tmp_path, capsys):
    shared = MoeConfig(hidden_units=8, num_experts=4, shared_expert_units=6)
    record = usage_of(save_model(tiny_config(feed_forward=shared)), data_dir, tmp_path)
    assert record["layers_with_shared_expert"] == 2
    assert "\n2 of 6 layers have a shared expert for all frames\n" in capsys.readouterr().out


def test_an_embedding_network_is_not_counted_as_a_layer(save_model, data_dir, tmp_path):
    routed = MoeConfig(hidden_units=8, num_experts=4, router="embedding")
    small = ConformerConfig(num_blocks=1, d_model=8, num_heads=2)
    config = tiny_config(embedding=EmbeddingConfig(encoder=small), feed_forward=routed)
    layers = usage_of(save_model(config), data_dir, tmp_path)["layers"]
    assert [layer["name"] for layer in layers] == NAMES


def test_a_model_that_routes_by_language_gets_the_languages(save_model, data_dir, tmp_path):
    routed = MoeConfig(hidden_units=8, num_experts=4, router="language")
    path = save_model(tiny_config(languages=("de", "en"), feed_forward=routed))
    with pytest.raises(InputError, match="utt2lang does not exist"):
        usage_of(path, data_dir, tmp_path)
    spoken = tmp_path / "data"
    shutil.copytree(data_dir, spoken)
    (spoken / "utt2lang").write_text("u1 en\nu2 de\nu3 en\nu4 en\n")
    layer = usage_of(path, spoken, tmp_path)["layers"][1]
    assert layer["name"] == NAMES[1]
    assert sum(layer["load"][:2]) == 2 * ((149 // 2 - 1) // 2)  # two experts for each frame of u2


def test_for_a_model_without_decoders_only_the_encoder_is_measured(save_model, data_dir, tmp_path):
    ctc_only = DecoderConfig(num_blocks=0, num_reverse_blocks=0, num_heads=2)
    layers = usage_of(save_model(tiny_config(decoder=ctc_only)), data_dir, tmp_path)["layers"]
    assert [layer["name"] for layer in layers] == NAMES[:4]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--plot"], "--plot requires --out-dir"),
        (["--chunk-size", "0"], "`chunk_size`"),
        (["--batch-frames", "0"], "`batch_frames`"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt does not exist"),
        (["--data-dir", "nowhere"], "nowhere: no such directory"),
    ],
)
def test_invalid_options_are_refused(model_path, data_dir, more, sentence):
    with pytest.raises(InputError, match=sentence):
        main(arguments(model_path, data_dir, *more))


def test_features_with_other_settings_are_refused(model_path, data_dir, tmp_path):
    for name in ("feats.scp", "text"):
        (tmp_path / name).write_text((data_dir / name).read_text())
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fbank.yaml").write_text("num_mel_bins: 80\n")
    with pytest.raises(InputError, match=r"fbank\.yaml: `num_mel_bins` is 80.*20"):
        main(arguments(model_path, tmp_path))


@pytest.mark.parametrize(
    ("feats", "fault"),
    [
        (torch.ones(40, 13), "have 13 bins, but 20 are expected"),
        (torch.full((40, 20), float("inf")), "are not finite"),
    ],
)
def test_stored_features_that_do_not_match_are_named(model_path, data_dir, tmp_path, feats, fault):
    (tmp_path / "conf").mkdir()
    for name in ("text", "conf/fbank.yaml"):
        (tmp_path / name).write_text((data_dir / name).read_text())
    utt = next(iter(UTTS))
    with open_archive(tmp_path / "x.ark", tmp_path / "feats.scp") as archive:
        archive.write(utt, feats)
    with pytest.raises(InputError, match=rf"features of utterance {utt} \(.*x.ark:\d+\) {fault}"):
        main(arguments(model_path, tmp_path))


def test_a_chunk_size_is_refused_for_a_model_that_cannot_use_chunks(save_model, data_dir, tmp_path):
    path = save_model(tiny_config(causal_conv=False, dynamic_chunk=False))
    with pytest.raises(InputError, match="causal_conv"):
        usage_of(path, data_dir, tmp_path / "out", "--chunk-size", 4)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_dense_model_gives_one_sentence_and_status_1(save_model, data_dir):
    path = save_model(tiny_config(has_experts=False))
    command = [sys.executable, "-m", "moeasr.bin.usage", *arguments(path, data_dir)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"usage.py: {path} has no experts"]


def test_all_data_types_give_the_same_loads(model_path, tmp_path):
    source = audio_sets.whole_files(tmp_path)
    texts = dict.fromkeys(["a", "b", "decoded", "narrow", "pipe", "stereo"], "ab")
    (source / "text").write_text("".join(f"{utt} {text}\n" for utt, text in texts.items()))
    found = []
    for data_type in DATA_TYPES:
        out_dir = tmp_path / f"out_{data_type}"
        data_dir = audio_sets.prepare(source, data_type)
        found.append(usage_of(model_path, data_dir, out_dir)["layers"])
    assert all(layers == found[0] for layers in found)
