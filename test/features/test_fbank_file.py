"""Filter-bank settings from our YAML and from Kaldi's conf/fbank.conf."""

import kaldi_native_fbank
import numpy as np
import pytest
import torch
from rounding import FBANK_STEPS, assert_close, log_mel_scale

from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig
from moeasr.features.fbank_file import load_fbank_config


def test_yaml_has_our_defaults(tmp_path):
    path = tmp_path / "fbank.yaml"
    path.write_text("num_mel_bins: 40\n")
    assert load_fbank_config(path) == FbankConfig(num_mel_bins=40)


def test_conf_has_kaldis_defaults(tmp_path):
    path = tmp_path / "fbank.conf"
    path.write_text("# No non-default options\u2028for\x0cnow.\r\n", encoding="utf-8")
    config = load_fbank_config(path)
    theirs = kaldi_native_fbank.FbankOptions()
    assert config.num_mel_bins == theirs.mel_opts.num_bins
    assert config.low_freq_hz == theirs.mel_opts.low_freq
    assert config.high_freq_hz == theirs.mel_opts.high_freq
    frame = theirs.frame_opts
    assert config.sample_rate_hz == frame.samp_freq
    assert config.dither == 1.0  # the oracle has one of its own, Kaldi this one
    assert (config.frame_length_ms, config.frame_shift_ms) == (25.0, frame.frame_shift_ms)
    assert (config.snip_edges, config.window_type) == (frame.snip_edges, frame.window_type)


def test_conf_of_a_recipe(tmp_path):
    path = tmp_path / "fbank.conf"
    path.write_text(
        "--window-type=hamming # disable Dans window\n--use-energy=false\n\n--htk-compat=true\n"
        "--sample-frequency=8000\n--low-freq=64\n--high-freq=3800\n--dither=0\n"
        "  --num-mel-bins=15     # 8kHz so we use 15 bins\n"
    )
    config = load_fbank_config(path)
    assert config == FbankConfig(
        window_type="hamming",
        sample_rate_hz=8000,
        low_freq_hz=64.0,
        high_freq_hz=3800.0,
        dither=0.0,
        num_mel_bins=15,
        snip_edges=True,
    )
    waveform = torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 0.5, 8000)).float()
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = 8000, 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 15
    options.mel_opts.low_freq, options.mel_opts.high_freq = 64, 3800
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(8000, (waveform * 32768).tolist())
    fbank.input_finished()
    frames = [fbank.get_frame(n) for n in range(fbank.num_frames_ready)]
    theirs = torch.from_numpy(np.stack(frames))
    feats = compute_fbank(waveform, config)
    assert_close(feats, theirs, FBANK_STEPS, log_mel_scale(theirs))


@pytest.mark.parametrize(
    ("option", "value", "other"),
    [
        ("use-energy", "false", "true"),
        ("use-log-fbank", "true", "false"),
        ("use-power", "true", "false"),
        ("remove-dc-offset", "true", "false"),
        ("preemphasis-coefficient", "0.97", "0"),
        ("round-to-power-of-two", "true", "false"),
    ],
)
def test_unsupported_options_are_accepted_with_their_default(tmp_path, option, value, other):
    """The values are the defaults of compute-fbank-feats."""
    path = tmp_path / "fbank.conf"
    path.write_text("")
    default = load_fbank_config(path)
    path.write_text(f"--{option}={value}\n")
    assert load_fbank_config(path) == default
    path.write_text(f"--{option}={other}\n")
    with pytest.raises(InputError, match=f"not supported; use --{option}={value}"):
        load_fbank_config(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num-mel-bins=40\n", "fbank.conf, line 1: `num-mel-bins=40` must be --option=value"),
        ("\n--num-mel-bins 40\n", "line 2: `--num-mel-bins 40` must be --option=value"),
        (
            "--use-energy=true\n",
            "`--use-energy=true` is not supported; use --use-energy=false",
        ),
        ("--num-ceps=13\n", "line 1: `--num-ceps=13` is an unknown option"),
        ("--num-mel-bins=x\n", "fbank.conf: could not convert string to float: 'x'"),
        ("--num-mel-bins=40.5\n", "--num-mel-bins must be a whole number, but is 40.5"),
        ("--snip-edges=maybe\n", "--snip-edges must be true or false, but is maybe"),
        ("--high-freq=9000\n", "fbank.conf: .*high_freq_hz"),
        ("--window-type=sine\n", "window_type"),
        ("--num-mel-bins=inf\n", "fbank.conf: cannot convert float infinity to integer"),
        ("--num-mel-bins=nan\n", "fbank.conf: cannot convert float NaN to integer"),
        ("--low-freq=\udcff\n", "fbank.conf is not UTF-8 text"),
    ],
)
def test_faults_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "fbank.conf"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=message):
        load_fbank_config(path)
    with pytest.raises(InputError, match="does not exist"):
        load_fbank_config(tmp_path / "none.conf")
