"""Keys that moved between WeNet's versions are read where each version has them."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from moeasr.bin.import_wenet import main as import_wenet
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.import_model import read_wenet
from moeasr.interop.wenet.settings import read_settings
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.text.bpe import BpeSplitter, train_bpe

GOLDEN = Path(__file__).parent / "golden"
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WENET_3 = ("tokenizer", "tokenizer_conf", "ctc", "ctc_conf", "cmvn", "cmvn_conf", "model")


def write(directory, configs):
    (directory / "train.yaml").write_text(yaml.safe_dump(configs))


def write_units(directory, units):
    symbols = ["<blank>", "<unk>", *units, "<sos/eos>"]
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate(symbols)]
    (directory / "units.txt").write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def model_dir(tmp_path):
    """A model of WeNet 2, whose train.yaml does not describe the units."""
    directory = tmp_path / "m"
    shutil.copytree(GOLDEN / "u2pp", directory)
    configs = yaml.safe_load((directory / "train.yaml").read_text())
    for key in (*WENET_3, "dataset", "vocab_size"):
        del configs[key]
    configs |= {"cmvn_file": "data/train/global_cmvn", "is_json_cmvn": True}
    write(directory, configs)
    return directory


def changed(directory, **settings):
    """Add keys to the top level or to existing sections."""
    configs = yaml.safe_load((directory / "train.yaml").read_text())
    for key, value in settings.items():
        if isinstance(value, dict) and isinstance(configs.get(key), dict):
            configs[key] |= value
        else:
            configs[key] = value
    write(directory, configs)


def bpe_units(texts):
    """A sentencepiece model and nine of its pieces, among them one that begins a word."""
    model = train_bpe(texts, 12)
    pieces = BpeSplitter(model).symbols()
    assert len(pieces) == 9 and any(len(p) > 1 and p[0] == "\u2581" for p in pieces)
    return model, pieces


def test_what_the_file_leaves_out_has_wenets_defaults(tmp_path):
    """Its encoder, its decoder, its ASRModel and its compute_fbank have these defaults."""
    write(tmp_path, {"output_dim": 12})
    settings = read_settings(tmp_path / "train.yaml")
    swish = DenseConfig(hidden_units=2048, activation="silu")
    encoder = ConformerConfig(
        num_blocks=6,
        d_model=256,
        num_heads=4,
        attention="key_position",
        conv_kernel_size=15,
        conv_norm="none",  # a batch norm, which becomes a part of the convolution
        conv_edges="after_gate",
        causal_conv=False,
        final_norm=True,
        dynamic_chunk=False,
        dropout=0.1,
        attention_dropout=0.0,
        feed_forward=swish,
        macaron_feed_forward=swish,
    )
    decoder = DecoderConfig(
        num_blocks=6,
        num_reverse_blocks=0,
        num_heads=4,
        dropout=0.1,
        attention_dropout=0.0,
        feed_forward=DenseConfig(hidden_units=2048, activation="relu"),
    )
    assert settings.model == ModelConfig(
        encoder=encoder, decoder=decoder, ctc_weight=0.5, reverse_weight=0.0, label_smoothing=0.0
    )
    assert settings.batch_norm_eps == 1e-5
    assert settings.is_bidirectional and not settings.ties_embedding
    assert settings.without_bias == () and settings.cmvn is None
    assert settings.units.blank_id == 0
    assert settings.units.sos_eos_id == 11  # the last unit
    assert settings.fbank == FbankConfig(
        sample_rate_hz=16000,
        num_mel_bins=23,
        frame_length_ms=25.0,
        frame_shift_ms=10.0,
        low_freq_hz=20.0,
        high_freq_hz=0.0,
        snip_edges=True,
        window_type="povey",
    )
    write(tmp_path, {"output_dim": 12, "encoder_conf": {"mlp_type": "moe"}})
    experts = read_settings(tmp_path / "train.yaml").model.encoder.feed_forward
    assert (experts.num_experts, experts.experts_per_frame) == (8, 2)


@pytest.mark.parametrize(
    ("dataset", "rate_hz"),
    [
        ({"resample_conf": {"resample_rate": 8000}}, 8000),
        ({"fbank_conf": {"resample": 8000}}, 8000),
        ({"fbank_conf": {"resample": 8000}, "resample_conf": {"resample_rate": 24000}}, 24000),
    ],
)
def test_the_sample_rate_is_read_from_either_place(tmp_path, dataset, rate_hz):
    write(tmp_path, {"output_dim": 12, "dataset_conf": dataset})
    assert read_settings(tmp_path / "train.yaml").fbank.sample_rate_hz == rate_hz


@pytest.mark.parametrize(
    ("configs", "sentence"),
    [
        ({"encoder_conf": {"static_chunk_size": 16}}, "'encoder_conf.static_chunk_size' is 16,"),
        (
            {"decoder": "transformer", "decoder_conf": {"r_num_blocks": 2}},
            "'decoder_conf.r_num_blocks' is unknown",
        ),
    ],
)
def test_what_only_other_settings_would_allow_is_named(tmp_path, configs, sentence):
    write(tmp_path, {"output_dim": 12, **configs})
    with pytest.raises(InputError, match=sentence):
        read_settings(tmp_path / "train.yaml")


def test_characters_of_wenet_2_are_characters(model_dir):
    tokenizer = read_wenet(model_dir).tokenizer
    assert tokenizer.config.type == "char"
    assert tokenizer.decode(tokenizer.encode("ab c")) == "ab c"


@pytest.mark.parametrize(
    "settings", [{"dataset_conf": {"split_with_space": True}}, {"split_with_space": True}]
)
def test_words_of_wenet_2_are_words(model_dir, settings):
    write_units(model_dir, WORDS)
    changed(model_dir, **settings)
    tokenizer = read_wenet(model_dir).tokenizer
    assert tokenizer.config.type == "word"
    assert tokenizer.decode([3, 4, 5]) == "one two three"
    assert tokenizer.unknown("one two ten") == ["ten"]


def test_words_of_wenet_3_are_words(model_dir):
    write_units(model_dir, WORDS)
    changed(model_dir, tokenizer="char", tokenizer_conf={"split_with_space": True})
    tokenizer = read_wenet(model_dir).tokenizer
    assert tokenizer.config.type == "word"
    assert tokenizer.decode(tokenizer.encode("two one")) == "two one"


def test_wenet_3_does_not_read_wenet_2s_key(tmp_path):
    shutil.copytree(GOLDEN / "u2pp", tmp_path / "m")
    changed(tmp_path / "m", dataset_conf={"split_with_space": True})
    assert read_wenet(tmp_path / "m").tokenizer.config.type == "char"


@pytest.mark.parametrize("version", [2, 3])
def test_units_longer_than_a_character_are_refused_as_characters(model_dir, version):
    write_units(model_dir, WORDS)
    section = "dataset_conf"
    if version == 3:
        changed(model_dir, tokenizer="char")
        section = "tokenizer_conf"
    sentence = (
        rf"units\.txt: 'one' and 8 other units are longer than a character.*{section}\.split_with"
    )
    with pytest.raises(InputError, match=sentence):
        read_wenet(model_dir)


def test_a_non_linguistic_symbol_is_a_character(model_dir):
    write_units(model_dir, ["<noise>", "[LAUGHTER]", *"abcdefg"])
    assert read_wenet(model_dir).tokenizer.config.type == "char"


def test_spaces_and_windows_line_ends_are_no_part_of_a_symbol(tmp_path):
    shutil.copytree(GOLDEN / "u2pp", tmp_path / "m")
    changed(tmp_path / "m", tokenizer_conf={"non_lang_syms_path": "data/symbols.txt"})
    (tmp_path / "m" / "symbols.txt").write_bytes(b"<noise> \r\n[LAUGHTER]\t\n")
    tokenizer = read_wenet(tmp_path / "m").tokenizer
    assert tokenizer.config.non_lang_syms == ("<noise>", "[LAUGHTER]")
    for content, symbols in ((b"<noise>\n\n \n", ("<noise>",)), (b"", ())):
        (tmp_path / "m" / "symbols.txt").write_bytes(content)
        assert read_wenet(tmp_path / "m").tokenizer.config.non_lang_syms == symbols


def test_the_units_are_those_of_the_file_that_is_named(tmp_path):
    shutil.copytree(GOLDEN / "u2pp", tmp_path / "m")
    changed(tmp_path / "m", tokenizer_conf={"symbol_table_path": "data/dict/lang_char.txt"})
    write_units(tmp_path / "m", "ijklmnopq")
    (tmp_path / "m" / "units.txt").rename(tmp_path / "m" / "lang_char.txt")
    shutil.copy(GOLDEN / "u2pp" / "units.txt", tmp_path / "m")
    assert read_wenet(tmp_path / "m").tokenizer.units[3:] == list("ijklmnopq")


def test_pieces_ask_for_their_model(model_dir, tmp_path, capsys):
    model, pieces = bpe_units(["AB ABAB BA ABA", "CAB CA BAC"])
    write_units(model_dir, pieces)
    with pytest.raises(InputError, match=r"m: the units are BPE pieces.*--bpe-model .*: none\)"):
        read_wenet(model_dir)
    (tmp_path / "other.model").write_bytes(model)
    paths = ["--model-dir", str(model_dir), "--out", str(tmp_path / "x.pt")]
    import_wenet([*paths, "--bpe-model", str(tmp_path / "other.model")])
    assert "12 units" in capsys.readouterr().out
    (model_dir / "train_bpe.model").write_bytes(model)
    tokenizer = read_wenet(model_dir).tokenizer
    assert tokenizer.config.type == "cjk_bpe"
    assert not tokenizer.unknown("ab abab") and tokenizer.decode(tokenizer.encode("ab")) == "AB"
    # whatever is said of spaces: pieces that begin words are no words
    changed(model_dir, dataset_conf={"split_with_space": True})
    assert read_wenet(model_dir).tokenizer.config.type == "cjk_bpe"
    (model_dir / "another.model").write_bytes(b"another model")
    with pytest.raises(InputError, match=r"\(`\.model` files .*: another\.model, train_bpe\.model"):
        read_wenet(model_dir)
    changed(model_dir, tokenizer="bpe", tokenizer_conf={"bpe_path": "data/train_bpe.model"})
    assert read_wenet(model_dir).tokenizer.state()["bpe_model"] == model
    with pytest.raises(InputError, match=r"none\.model does not exist"):
        read_wenet(model_dir, bpe_model=tmp_path / "none.model")


def test_pieces_of_another_model_are_refused(model_dir):
    _, pieces = bpe_units(["AB ABAB BA ABA", "CAB CA BAC"])
    other, _ = bpe_units(["XY XYXY YX XYX", "ZXY ZX YXZ"])
    write_units(model_dir, pieces)
    (model_dir / "a.model").write_bytes(other)
    with pytest.raises(InputError, match=r"other units are not in .*a\.model"):
        read_wenet(model_dir)
    (model_dir / "a.model").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"a\.model: not a sentencepiece model"):
        read_wenet(model_dir)


def test_characters_of_wenet_3_have_no_bpe_model(tmp_path):
    with pytest.raises(InputError, match=r"`tokenizer: char`.*omit --bpe-model"):
        read_wenet(GOLDEN / "u2pp", bpe_model=tmp_path / "a.model")


def to_wenet_1(directory, **features):
    """The form of 2021: features in `collate_conf`, training in `dataset_conf`."""
    configs = yaml.safe_load((directory / "train.yaml").read_text())
    configs["dataset_conf"] = {"batch_size": 16, "batch_type": "static", "max_length": 40960}
    configs["dataset_conf"] |= {"min_length": 0, "sort": True}
    configs["collate_conf"] = {
        "feature_extraction_conf": {
            **{"feature_type": "fbank", "mel_bins": 20, "frame_shift": 10, "frame_length": 25},
            **{"using_pitch": False, **features},
        },
        **{"speed_perturb": True, "spec_aug": True, "feature_dither": 0.0},
    }
    write(directory, configs | {"raw_wav": True})


def test_filter_banks_of_wenet_1_are_read(model_dir):
    wanted = read_wenet(model_dir)
    to_wenet_1(model_dir)
    found = read_wenet(model_dir)
    assert found.fbank == wanted.fbank and found.fbank.num_mel_bins == 20
    weights = wanted.model.state_dict()
    assert all(torch.equal(tensor, weights[n]) for n, tensor in found.model.state_dict().items())


def test_the_space_of_wenet_1_is_a_space(model_dir):
    write_units(model_dir, ["<space>", *"abcdefgh"])
    to_wenet_1(model_dir)
    tokenizer = read_wenet(model_dir).tokenizer
    assert tokenizer.decode(tokenizer.encode("ab c")) == "ab c" and not tokenizer.unknown("ab c")


@pytest.mark.parametrize(
    ("features", "top", "sentence"),
    [
        ({"feature_type": "mfcc"}, {}, r"'collate_conf\.feature_extraction_conf\.feature_type' is"),
        ({"using_pitch": True}, {}, r"\.using_pitch' is true"),
        ({"preemphasis": 0.9}, {}, r"\.preemphasis' is unknown"),
        ({}, {"raw_wav": False}, r"'raw_wav' is false, but moeasr supports only"),
    ],
)
def test_other_features_of_wenet_1_are_named(model_dir, features, top, sentence):
    to_wenet_1(model_dir, **features)
    changed(model_dir, **top)
    with pytest.raises(InputError, match=sentence):
        read_wenet(model_dir)


def test_a_missing_units_file_says_where_wenet_2_has_it(model_dir):
    (model_dir / "units.txt").unlink()
    with pytest.raises(InputError, match=r"m/units\.txt does not exist; copy the units file"):
        read_wenet(model_dir)
