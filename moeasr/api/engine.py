"""The interface between `SpeechRecognizer` and the runtime that computes its model.

This module does not import torch. There are two engines: checkpoints run in PyTorch
(`moeasr.api.checkpoint_engine`) and exported model folders in onnxruntime (`moeasr.deploy`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from moeasr.api.live_stream import LiveStream
from moeasr.api.transcription import Transcription
from moeasr.audio.pauses import SpeechDetector
from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.config import EndpointConfig


@dataclass(frozen=True, kw_only=True)
class Task:
    """Settings that apply to all recordings of a call, or to a stream."""

    mode: str | None
    """The decoding mode; None for the most accurate mode that the model can do with the
    settings."""
    config: DecodeConfig
    """The decoding settings, among them those of the language model."""
    given: Sequence[str]
    """Names of the settings that the user chose; the mode must read them."""
    language: str | None
    """The language, for a model that routes by language."""


class TranscribingModel(Protocol):
    """A model that transcribes whole recordings with a fixed decoding mode and fixed settings."""

    @property
    def mode(self) -> str:
        """The decoding mode."""
        ...

    @property
    def num_kept(self) -> int:
        """Most hypotheses that the mode returns."""
        ...

    def run(self, waveforms: Sequence[Any]) -> list[Transcription]:
        """Recognise recordings, each (S,) samples as `Engine.waveform` returns them."""
        ...


class Engine(Protocol):
    """A loaded model and the runtime that computes it."""

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the model, Hz."""
        ...

    @property
    def modes(self) -> tuple[str, ...]:
        """The decoding modes that the model can do, from the fastest to the most accurate."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of a model that routes by language; otherwise empty."""
        ...

    @property
    def has_ctc(self) -> bool:
        """True if the model has CTC outputs, which give the times of words."""
        ...

    @property
    def stream_chunk_size(self) -> int:
        """Encoder frames per chunk of a stream, unless the user chooses otherwise.

        Raises:
            InputError: The model was exported without streaming.
        """
        ...

    def describe(self) -> str:
        """Return the name of the model, its size and its runtime."""
        ...

    def waveform(self, samples: np.ndarray, rate_hz: int) -> Any:
        """Return (S,) samples of any rate at the model's rate, as the runtime needs them."""
        ...

    def transcriber(self, task: Task) -> TranscribingModel:
        """Return an object that transcribes whole recordings with the settings of `task`.

        Raises:
            InputError: The model does not support the mode, the language or a setting.
        """
        ...

    def open_stream(self, task: Task, rules: EndpointConfig | None, rate_hz: int) -> LiveStream:
        """Open a stream of samples of rate `rate_hz`.

        Raises:
            InputError: The model does not support the mode, the language or a setting.
        """
        ...

    def speech_detector(self, language: str | None) -> SpeechDetector:
        """Return a new detector of speech by the streaming encoder, for samples of NumPy.

        Raises:
            InputError: The model cannot stream.
        """
        ...
