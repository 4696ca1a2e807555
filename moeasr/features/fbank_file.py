"""Filter bank settings in a file: moeasr's YAML, or Kaldi's conf/fbank.conf."""

from pathlib import Path

from moeasr.config import from_mapping, load_yaml
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig

KALDI_DEFAULTS = {
    "sample-frequency": "16000",
    "num-mel-bins": "23",
    "frame-length": "25",
    "frame-shift": "10",
    "low-freq": "20",
    "high-freq": "0",
    "snip-edges": "true",
    "dither": "1.0",
    "window-type": "povey",
}
"""Defaults of Kaldi's compute-fbank-feats for options that a .conf file omits: option -> value."""
OUR_NAMES = {
    "sample-frequency": "sample_rate_hz",
    "frame-length": "frame_length_ms",
    "frame-shift": "frame_shift_ms",
    "low-freq": "low_freq_hz",
    "high-freq": "high_freq_hz",
}
"""Fields of `FbankConfig` that are not named like Kaldi's option (with `_` for `-`)."""
ONLY = {
    "use-energy": "false",
    "use-log-fbank": "true",
    "use-power": "true",
    "remove-dc-offset": "true",
    "preemphasis-coefficient": "0.97",
    "round-to-power-of-two": "true",
}
"""Options with the only value that moeasr supports, which is also their default in Kaldi."""
WITHOUT_EFFECT = ("htk-compat", "raw-energy", "energy-floor", "allow-downsample", "allow-upsample")
"""Options that are ignored: those about energy, which is not a feature here, and those about
resampling, which is always done."""


def load_fbank_config(path: str | Path) -> FbankConfig:
    """Read the settings of filter banks.

    Args:
        path: A YAML file of `FbankConfig`. If its name ends in `.conf`, a file of `--option=value`
            lines for Kaldi's compute-fbank-feats, whose defaults apply to other options.

    Raises:
        InputError: The file is missing or malformed, or has an option that moeasr does not support.
            The message names the file and the line or key.
    """
    if Path(path).suffix != ".conf":
        return from_mapping(FbankConfig, load_yaml(path), str(path))
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise InputError(f"config file {path} does not exist") from None
    except UnicodeDecodeError as error:
        raise InputError(f"config file {path} is not UTF-8 text: {error.reason}") from None
    options = dict(KALDI_DEFAULTS)
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        name, equals, value = text.removeprefix("--").partition("=")
        where = f"{path}, line {number}: `{text}`"
        if not text.startswith("--") or not equals:
            raise InputError(f"{where} must be --option=value")
        if name in KALDI_DEFAULTS:
            options[name] = value
        elif name in ONLY and value != ONLY[name]:
            raise InputError(f"{where} is not supported; use --{name}={ONLY[name]}")
        elif name not in ONLY and name not in WITHOUT_EFFECT:
            raise InputError(f"{where} is an unknown option")
    try:
        settings = {OUR_NAMES.get(k, k.replace("-", "_")): _value(k, v) for k, v in options.items()}
    except (ValueError, OverflowError) as error:  # also raised by int(nan) and int(inf)
        raise InputError(f"{path}: {error}") from None
    return from_mapping(FbankConfig, settings, str(path))


def _value(name: str, text: str) -> str | bool | int | float:
    if name == "window-type":
        return text
    if name == "snip-edges":
        if text not in ("true", "false"):
            raise ValueError(f"--{name} must be true or false, but is {text}")
        return text == "true"
    number = float(text)
    if name in ("sample-frequency", "num-mel-bins"):
        if number != int(number):
            raise ValueError(f"--{name} must be a whole number, but is {text}")
        return int(number)
    return number
