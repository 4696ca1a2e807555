"""Files written for WeNet, and how its own programs read them."""

import dataclasses
import logging
from pathlib import PurePosixPath

import pytest
import yaml
from limited_files import files_of_at_most

from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.export_model import write_wenet
from moeasr.interop.wenet.import_model import read_wenet
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.text.build_tokenizer import build_tokenizer

FBANK = FbankConfig(num_mel_bins=20, high_freq_hz=0.0, snip_edges=True)
TEXTS = ["THE CAT SAT ON THE MAT", "A DOG RAN TO THE OTHER DOG"]
SIZES = {"char": None, "bpe": 30, "word": None}


def export(directory, kind, texts=TEXTS, non_lang_syms=(), fbank=FBANK):
    tokenizer = build_tokenizer(texts, kind, SIZES[kind], non_lang_syms)
    feed_forward = DenseConfig(hidden_units=8)
    encoder = ConformerConfig(
        num_blocks=1,
        d_model=8,
        num_heads=2,
        attention="key_position",
        final_norm=True,
        feed_forward=feed_forward,
        macaron_feed_forward=feed_forward,
    )
    decoder = DecoderConfig(num_blocks=1, num_heads=2, feed_forward=feed_forward)
    config = ModelConfig(encoder=encoder, decoder=decoder)
    write_wenet(directory, build_model(config, 20, tokenizer.vocab_size), tokenizer, fbank)
    return yaml.safe_load((directory / "train.yaml").read_text())


@pytest.mark.parametrize("kind", SIZES)
def test_only_paths_are_taken_for_paths(kind, tmp_path):
    """WeNet's command replaces a text of `tokenizer_conf` by a path if its last part exists.

    It looks in the model directory, so that an empty text becomes the directory itself.
    """
    conf = export(tmp_path / "out", kind)["tokenizer_conf"]
    replaced = {
        key
        for key, value in conf.items()
        if isinstance(value, str) and (tmp_path / "out" / PurePosixPath(value).name).exists()
    }
    files = {"symbol_table_path", "bpe_path"} if kind == "bpe" else {"symbol_table_path"}
    assert replaced == files
    assert conf.get("connect_symbol") == (" " if kind == "word" else None)
    assert conf["split_with_space"] is (kind == "word")


@pytest.mark.parametrize(
    ("kind", "texts", "non_lang_syms", "unit"),
    [
        ("bpe", ["the cat sat on the mat", "a dog ran to the other dog"], (), "'a'"),
        ("bpe", ["我们 我们 我们 THE CAT SAT ON THE MAT", "A DOG RAN"], (), "'▁我'"),
        ("char", [*TEXTS, "a<NOISE>"], ("<NOISE>",), "'a'"),
        ("char", [*TEXTS, "<noise>"], ("<noise>",), "'<noise>'"),
    ],
)
def test_units_that_wenet_never_makes_are_warned_of(
    kind, texts, non_lang_syms, unit, tmp_path, caplog
):
    with caplog.at_level(logging.WARNING):
        export(tmp_path / "out", kind, texts, non_lang_syms)
    assert "WeNet never splits text into" in caplog.text
    assert unit in caplog.text


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("bpe", TEXTS),
        ("bpe", [*TEXTS, "我 们"]),
        ("char", ["the cat"]),  # WeNet leaves characters as they are
        ("word", ["the cat"]),
    ],
)
def test_other_units_are_not(kind, texts, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        export(tmp_path / "out", kind, texts)
    assert not caplog.text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sample_rate_hz": 8000}, "the model expects 8000 Hz, but WeNet's command `wenet`"),
        ({"dither": 1.0}, "`dither` is 1, and WeNet's command `wenet` also adds this noise"),
    ],
)
def test_settings_that_wenets_command_ignores_are_warned_of(settings, sentence, tmp_path, caplog):
    fbank = dataclasses.replace(FBANK, **settings)
    with caplog.at_level(logging.WARNING):
        export(tmp_path / "out", "char", fbank=fbank)
    assert sentence in caplog.text


def test_all_settings_of_filter_banks_are_written(tmp_path):
    """The names are those of the arguments of WeNet's `compute_fbank` and `resample`."""
    fbank = FbankConfig(
        sample_rate_hz=8000,
        num_mel_bins=20,
        frame_length_ms=32.0,
        frame_shift_ms=12.5,
        high_freq_hz=4000.0,  # half the sample rate, which WeNet always takes
        snip_edges=True,
        window_type="hamming",
    )
    conf = export(tmp_path / "out", "char", fbank=fbank)
    assert conf["input_dim"] == 20
    assert conf["dataset_conf"]["resample_conf"] == {"resample_rate": 8000}
    assert conf["dataset_conf"]["fbank_conf"] == {
        "num_mel_bins": 20,
        "frame_length": 32,
        "frame_shift": 12.5,
        "dither": 0.0,
        "window_type": "hamming",
    }
    again = read_wenet(tmp_path / "out").fbank
    assert again == dataclasses.replace(fbank, high_freq_hz=0.0)  # 0 stands for half the rate


@pytest.mark.parametrize("num_bytes", [10, 700])
def test_a_full_disk_is_named_and_leaves_no_directory(tmp_path, num_bytes):
    """After a failed write, PyTorch's zip writer raises an error about positions in the file."""
    refusal = pytest.raises(InputError, match=f"^cannot write {tmp_path / 'out'}: File too large$")
    with refusal, files_of_at_most(num_bytes):
        export(tmp_path / "out", "char")
    assert not list(tmp_path.iterdir())
