"""Reasons for which sherpa-onnx would load a model, but crash or find other texts."""

import dataclasses
from collections.abc import Sequence

from moeasr.features.fbank_config import FbankConfig

HIGH_FREQ_HZ = -400.0
"""Upper edge of the highest filter in sherpa-onnx, relative to half the sample rate."""
CHOSEN = {"sample_rate_hz", "dither"}
"""Settings of features that users of sherpa-onnx choose, or that only concern training."""
BYTE_UNITS_MARK = 0xC6
"""If no byte of `tokens.txt` is larger than this one, but one equals it, then sherpa-onnx reads the
units as letters that stand for bytes."""


def sherpa_limits(fbank: FbankConfig, symbols: Sequence[str]) -> list[str]:
    """Return the reasons for which sherpa-onnx cannot run a model, as clauses of a sentence.

    Args:
        fbank: Settings of the features on which the model was trained.
        symbols: The symbols of `tokens.txt`.
    """
    found = []
    half_rate_hz = fbank.sample_rate_hz / 2
    theirs = FbankConfig(
        sample_rate_hz=fbank.sample_rate_hz, high_freq_hz=half_rate_hz + HIGH_FREQ_HZ
    )
    if fbank.high_freq_hz <= 0:
        fbank = dataclasses.replace(fbank, high_freq_hz=half_rate_hz + fbank.high_freq_hz)
    for name in (field.name for field in dataclasses.fields(FbankConfig)):
        own, their = getattr(fbank, name), getattr(theirs, name)
        if name not in CHOSEN and own != their:
            found.append(f"its features have `{name}` {their}, but those of the model {own}")
    if max("".join(symbols).encode()) == BYTE_UNITS_MARK:
        found.append(
            "it takes units whose last letters are between U+0180 and U+01BF for bytes, and would "
            "drop them from texts"
        )
    return found
