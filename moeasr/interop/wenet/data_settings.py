"""The settings of CMVN, units and filter banks in WeNet's train.yaml.

Keys have moved between WeNet's versions. Each key is read from every place where a version has it:

    what            WeNet 1 (to 2021)                      WeNet 2 (to 2023)        WeNet 3
    CMVN            cmvn_file                              cmvn_file                cmvn_conf
    filter banks    collate_conf.feature_extraction_conf   dataset_conf.fbank_conf  as WeNet 2
    words           (none)                                 dataset_conf, top level  tokenizer_conf
    BPE model       (not in the file)                      (not in the file)        tokenizer_conf
"""

from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.section import Section

WINDOWS = get_args(get_type_hints(FbankConfig)["window_type"])
DATASET_TRAINING_KEYS = (
    *("batch_conf", "cycle", "emotion_conf", "eod_id", "filter_conf", "language_conf"),
    *("list_shuffle", "list_shuffle_conf", "prefetch", "shuffle", "shuffle_conf", "sort"),
    *("singal_channel_conf", "sort_conf", "spec_aug", "spec_aug_conf", "spec_sub"),
    *("spec_sub_conf", "spec_trim", "spec_trim_conf", "speaker_conf", "speed_perturb"),
    *("syncbn", "batch_size", "batch_type", "max_frames_in_batch", "max_length", "min_length"),
    *("token_max_length", "token_min_length"),
)


class CmvnSettings(NamedTuple):
    """The CMVN settings of a train.yaml."""

    file: str
    """Name of the file."""
    is_json: bool
    """True for the JSON format, False for Kaldi's text format."""


class UnitSettings(NamedTuple):
    """The settings of the output units in WeNet's train.yaml."""

    kind: str | None
    """`char`, `bpe` or `word`; None if the file does not distinguish characters from BPE, as in
    WeNet 1 and 2."""
    symbol_table: str
    """Name of the units file."""
    bpe_model: str | None
    non_lang_syms: str | None
    blank_id: int
    sos_eos_id: int
    vocab_size: int


def read_cmvn(top: Section) -> CmvnSettings | None:
    """Read the settings of CMVN; None if the model has no CMVN."""
    conf = top.section("cmvn_conf")
    file, is_json = (
        conf.value(key, top.value(key, default))
        for key, default in (("cmvn_file", None), ("is_json_cmvn", True))
    )
    conf.finish()
    default = None if file is None else "global_cmvn"
    if not top.choice("cmvn", default, {"global_cmvn": True, None: False}):
        return None
    return CmvnSettings(Path(str(file or "global_cmvn")).name, bool(is_json))


def read_unit_settings(top: Section, dataset: Section) -> UnitSettings:
    """Read the settings of the output units.

    Args:
        top: The top level of WeNet's train.yaml.
        dataset: The section `dataset_conf` of this file.
    """
    names_tokenizer = top.has("tokenizer") or top.has("tokenizer_conf")
    conf = top.section("tokenizer_conf")
    kind = top.choice("tokenizer", "char", {"char": "char", "bpe": "bpe"})
    by_space = conf.flag("split_with_space", False)
    # WeNet 2 has the key in `dataset_conf`, or at the top level shortly before version 3, which
    # reads neither.
    older = [section.flag("split_with_space", False) for section in (dataset, top)]
    if not names_tokenizer:
        kind, by_space = None, any(older)
    if by_space and kind != "bpe":
        kind = "word"
    special = conf.value("special_tokens", None) or {}
    if not isinstance(special, dict):
        raise InputError(f"{top.source}: '{conf.name('special_tokens')}' must map symbols to ids")
    names = {
        key: conf.value(key, None)
        for key in ("symbol_table_path", "bpe_path", "non_lang_syms_path")
    }
    conf.ignore("is_multilingual", "num_languages", "connect_symbol")
    conf.finish()
    ctc_conf = top.section("ctc_conf")
    blank_id = ctc_conf.number("ctc_blank_id", 0)
    ctc_conf.finish()
    vocab_size = top.number("output_dim", None, 4)
    if top.value("vocab_size", vocab_size) != vocab_size:
        raise InputError(f"{top.source}: 'output_dim' and 'vocab_size' differ")
    sos, eos = (special.get(name, vocab_size - 1) for name in ("<sos>", "<eos>"))
    if type(sos) is not int or sos != eos:
        raise InputError(
            f"{top.source}: 'tokenizer_conf.special_tokens' must give <sos> and <eos> the same "
            f"whole number, but they are {sos!r} and {eos!r}"
        )
    table, bpe_model, non_lang_syms = (
        None if name is None else Path(str(name)).name for name in names.values()
    )
    return UnitSettings(
        kind=kind,
        symbol_table=table or "units.txt",
        bpe_model=bpe_model,
        non_lang_syms=non_lang_syms,
        blank_id=blank_id,
        sos_eos_id=sos,
        vocab_size=vocab_size,
    )


def read_fbank(top: Section, dataset: Section) -> FbankConfig:
    """Read the settings of filter banks, without dither, which recognition does not use."""
    dataset.require("feats_type", "fbank", "fbank")
    has_fbank_conf = dataset.has("fbank_conf")
    fbank, resample = dataset.section("fbank_conf"), dataset.section("resample_conf")
    dataset.ignore(*DATASET_TRAINING_KEYS)
    dataset.finish()
    if top.has("collate_conf") and not has_fbank_conf:
        fbank = _wenet1_fbank(top)
        num_mel_bins = fbank.number("mel_bins", None, 1)
    else:
        top.ignore("collate_conf", "raw_wav")
        num_mel_bins = fbank.number("num_mel_bins", 23, 1)
    settings = {
        "sample_rate_hz": resample.number("resample_rate", fbank.number("resample", 16000, 1), 1),
        "num_mel_bins": num_mel_bins,
        "frame_length_ms": fbank.number("frame_length", 25.0),
        "frame_shift_ms": fbank.number("frame_shift", 10.0),
        "window_type": fbank.choice("window_type", "povey", {name: name for name in WINDOWS}),
    }
    fbank.ignore("dither")
    fbank.finish()
    resample.finish()
    input_dim = top.number("input_dim", num_mel_bins)
    if input_dim != num_mel_bins:
        raise InputError(
            f"{top.source}: 'input_dim' is {input_dim}, but the filter banks have {num_mel_bins}"
        )
    try:
        return FbankConfig(low_freq_hz=20.0, high_freq_hz=0.0, snip_edges=True, **settings)
    except InputError as error:
        raise InputError(f"{top.source}: in '{fbank.prefix}': {error}") from None


def _wenet1_fbank(top: Section) -> Section:
    """Return the settings of the filter banks in a train.yaml of WeNet 1.

    Raises:
        InputError: The features contain pitch, or Kaldi computed them.
    """
    top.require("raw_wav", False, True)  # otherwise Kaldi computed the features
    collate = top.section("collate_conf")
    fbank = collate.section("feature_extraction_conf")
    fbank.require("feature_type", "fbank", "fbank")
    fbank.require("using_pitch", False, False)
    return fbank
