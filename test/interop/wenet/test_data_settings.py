"""CMVN, units and filter banks of a train.yaml, wherever a version of WeNet has them."""

import pytest

from moeasr.errors import InputError
from moeasr.interop.wenet.data_settings import (
    CmvnSettings,
    read_cmvn,
    read_fbank,
    read_unit_settings,
)
from moeasr.interop.wenet.section import Section


def sections(top, **dataset):
    return Section("t.yaml", "", top), Section("t.yaml", "dataset_conf", dataset)


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ({}, None),
        ({"cmvn": "global_cmvn"}, CmvnSettings("global_cmvn", True)),
        ({"cmvn_file": "a/b/mean", "is_json_cmvn": False}, CmvnSettings("mean", False)),
        (
            {"cmvn": "global_cmvn", "cmvn_conf": {"cmvn_file": "x/y", "is_json_cmvn": True}},
            CmvnSettings("y", True),
        ),
    ],
)
def test_cmvn_is_read_from_the_top_level_or_a_section(top, expected):
    assert read_cmvn(Section("t.yaml", "", top)) == expected


def test_units_of_wenet_3():
    conf = {"symbol_table_path": "a/units.txt", "bpe_path": "b/x.model"}
    conf["special_tokens"] = {"<sos>": 2, "<eos>": 2}
    top = {"tokenizer": "bpe", "tokenizer_conf": conf, "output_dim": 9}
    settings = read_unit_settings(*sections({**top, "ctc_conf": {"ctc_blank_id": 1}}))
    assert (settings.kind, settings.symbol_table, settings.bpe_model) == (
        "bpe",
        "units.txt",
        "x.model",
    )
    assert (settings.blank_id, settings.sos_eos_id, settings.vocab_size) == (1, 2, 9)
    assert settings.non_lang_syms is None


@pytest.mark.parametrize(
    ("top", "dataset", "kind"),
    [
        ({}, {}, None),  # characters or BPE
        ({}, {"split_with_space": True}, "word"),
        ({"split_with_space": True}, {}, "word"),
        ({"tokenizer": "char"}, {"split_with_space": True}, "char"),
    ],
)
def test_units_of_wenet_1_and_2(top, dataset, kind):
    settings = read_unit_settings(*sections({"output_dim": 9, **top}, **dataset))
    assert (settings.kind, settings.symbol_table) == (kind, "units.txt")
    assert (settings.blank_id, settings.sos_eos_id) == (0, 8)


def test_filter_banks_of_both_places():
    conf = {"num_mel_bins": 40, "frame_shift": 8, "dither": 1.0}
    new = read_fbank(*sections({}, fbank_conf=conf, resample_conf={"resample_rate": 8000}))
    assert (new.num_mel_bins, new.frame_shift_ms, new.sample_rate_hz) == (40, 8.0, 8000)
    assert (new.dither, new.high_freq_hz, new.snip_edges) == (0.0, 0.0, True)
    extraction = {"mel_bins": 30, "feature_type": "fbank"}
    collate = {"collate_conf": {"feature_extraction_conf": extraction}, "raw_wav": True}
    assert read_fbank(*sections(collate)).num_mel_bins == 30


@pytest.mark.parametrize(
    ("read", "top", "message"),
    [
        (read_unit_settings, {"output_dim": 9, "vocab_size": 8}, "'output_dim' and 'vocab_size'"),
        (
            read_unit_settings,
            {"output_dim": 9, "tokenizer_conf": {"special_tokens": {"<sos>": 1, "<eos>": 2}}},
            "must give <sos> and <eos> the same whole number, but they are 1 and 2",
        ),
        (
            read_unit_settings,
            {"output_dim": 9, "tokenizer_conf": {"special_tokens": {"<sos>": "8", "<eos>": "8"}}},
            "the same whole number, but they are '8' and '8'",
        ),
        (
            read_unit_settings,
            {"output_dim": 9, "tokenizer_conf": {"special_tokens": ["<sos>"]}},
            "'tokenizer_conf.special_tokens' must map symbols to ids",
        ),
        (read_fbank, {"input_dim": 40}, "'input_dim' is 40, but the filter banks have 23"),
    ],
)
def test_contradictions_are_named(read, top, message):
    with pytest.raises(InputError, match=f"^t.yaml: .*{message}"):
        read(*sections(top))
