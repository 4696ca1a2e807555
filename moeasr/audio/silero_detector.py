"""Detection of speech by silero-vad, whose package brings its network as an ONNX file.

This module does not import torch, although the package silero-vad requires it.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from moeasr.audio.packet_resampling import PacketResampler
from moeasr.errors import InputError

RATES_HZ = (8000, 16000)
"""Sample rates of the network. Audio of other rates is resampled to the last one."""
FRAME_SEC, CONTEXT_SEC = 0.032, 0.004
THRESHOLD = 0.5
"""Probability above which a frame contains speech."""
STATE_SHAPE = (2, 1, 128)


class SileroDetector:
    """A detector of speech in one signal, see `moeasr.audio.pauses.SpeechDetector`.

    Args:
        rate_hz: The sample rate of the signal, Hz.

    Raises:
        InputError: silero-vad or onnxruntime is not installed.
    """

    frame_sec = FRAME_SEC

    def __init__(self, rate_hz: int) -> None:
        self._network = _open_network()
        network_hz = rate_hz if rate_hz in RATES_HZ else RATES_HZ[-1]
        self._resample = PacketResampler(rate_hz, network_hz)
        self._rate = np.array(network_hz, np.int64)
        self._frame_samples = round(FRAME_SEC * network_hz)
        self._num_context = round(CONTEXT_SEC * network_hz)
        self._samples = np.zeros(self._num_context, np.float32)  # of the last frame, then new ones
        self._state = np.zeros(STATE_SHAPE, np.float32)

    def accept(self, samples: np.ndarray) -> list[bool]:
        """Return whether there is speech in the frames that (S,) further samples complete."""
        return self._detect(self._resample(samples, False))

    def finish(self) -> list[bool]:
        """Return whether there is speech in the remaining frames at the end of the signal."""
        found = self._detect(self._resample(np.zeros(0, np.float32), True))
        num_left = len(self._samples) - self._num_context
        return found + self._detect(np.zeros(self._frame_samples - num_left, np.float32))

    def _detect(self, samples: np.ndarray) -> list[bool]:
        self._samples = np.concatenate([self._samples, samples.astype(np.float32)])
        found, first = [], 0
        window = self._num_context + self._frame_samples
        while first + window <= len(self._samples):
            inputs = {
                "input": self._samples[None, first : first + window],
                "state": self._state,
                "sr": self._rate,
            }
            probability, self._state = self._network.run(["output", "stateN"], inputs)
            found.append(float(probability[0, 0]) > THRESHOLD)
            first += self._frame_samples
        self._samples = self._samples[first:]
        return found


def _open_network() -> Any:
    """Return the network of silero-vad on one CPU thread."""
    try:
        import onnxruntime

        package = Path(importlib.util.find_spec("silero_vad").origin)
    except (ImportError, AttributeError):
        raise InputError(
            "the detection of pauses by silero-vad needs the packages silero-vad and onnxruntime; "
            "install them with `pip install -e '.[vad]'` in the checkout"
        ) from None
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    path = package.parent / "data" / "silero_vad.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
