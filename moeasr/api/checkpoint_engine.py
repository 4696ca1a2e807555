"""The engine of checkpoints, which run in PyTorch."""

from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from moeasr import checkpoint
from moeasr.api.engine import Task
from moeasr.api.live_stream import LiveStream
from moeasr.api.transcriber import Transcriber
from moeasr.audio.recording import resample
from moeasr.audio.stream_resampling import make_stream_resampler
from moeasr.decode.best_mode import most_accurate_mode
from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.ctc_detector import CtcDetector
from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.required_heads import trained_heads
from moeasr.decode.searches import SEARCHES, check_settings
from moeasr.errors import InputError

Quantization: TypeAlias = Literal["int8", "bf16"]
STREAM_CHUNK_SIZE = 16
"""Encoder frames per chunk of a stream, unless the user says otherwise."""
DETECTOR_LEFT_CHUNKS = 4
"""Number of left chunks of the stream that detects pauses, so that its caches do not grow."""


def open_recognizer(
    path: str | Path,
    device: str = "cpu",
    quantize: Quantization | None = None,
    num_threads: int | None = None,
    experts_per_frame: int | None = None,
) -> Recognizer:
    """Load a model, and optimize it for inference where that is possible.

    Args:
        path: A checkpoint, or an experiment directory, whose `averaged.pt` is loaded.
        device: The device of the model, `cpu` or `cuda`.
        quantize: The precision of linear layers and experts; None for float32.
        num_threads: Number of CPU threads of torch in this process; None leaves it unchanged.
        experts_per_frame: Number of experts per frame; None for that of the model's config.

    Raises:
        InputError: The checkpoint is missing or damaged, there is no such device, the model cannot
            be quantized, or it cannot use this number of experts.
    """
    if quantize not in (None, *get_args(Quantization)):
        raise InputError(f"`quantize` must be int8 or bf16, but is {quantize!r}")
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    recognizer = Recognizer.from_checkpoint(checkpoint.find_file(path), device)
    if experts_per_frame is not None:
        recognizer.use_experts(experts_per_frame)
    if recognizer.device.type == "cpu" or quantize:
        recognizer.optimize(quantize or "fp32")
    return recognizer


class CheckpointEngine:
    """A model of a checkpoint, see `moeasr.api.engine.Engine`.

    Args:
        recognizer: The model with its units and features.
    """

    stream_chunk_size = STREAM_CHUNK_SIZE

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the model, Hz."""
        return self._recognizer.fbank.sample_rate_hz

    @property
    def modes(self) -> tuple[str, ...]:
        """The decoding modes that the model can do, from the fastest to the most accurate."""
        heads = trained_heads(self._recognizer.model)
        return tuple(mode for mode, search in SEARCHES.items() if search.heads <= heads)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of a model that routes by language; otherwise empty."""
        return tuple(self._recognizer.model.languages)

    @property
    def has_ctc(self) -> bool:
        """True if the model was trained with CTC."""
        return "ctc" in trained_heads(self._recognizer.model)

    def describe(self) -> str:
        """Return the name of the model's config, its size, its device and its precision."""
        recognizer = self._recognizer
        name, total = recognizer.info.get("config_name", "unknown"), recognizer.params.total
        place = f"{recognizer.device}, {recognizer.precision}"
        return f"{name}, {total / 1e6:.1f} M parameters, {place}"

    def waveform(self, samples: np.ndarray, rate_hz: int) -> Tensor:
        """Return (S,) samples of any rate at the model's rate."""
        return resample(torch.from_numpy(samples), rate_hz, self.sample_rate_hz)[0]

    def transcriber(self, task: Task) -> Transcriber:
        """Return an object that transcribes whole recordings, see `Engine.transcriber`."""
        return Transcriber(self._recognizer, task)

    def open_stream(self, task: Task, rules: EndpointConfig | None, rate_hz: int) -> LiveStream:
        """Open a stream, see `Engine.open_stream`."""
        recognizer = self._recognizer
        mode = task.mode or most_accurate_mode(recognizer.model, task.config, task.given)
        check_settings([mode], task.config, task.given)
        streaming = StreamingRecognizer(recognizer, mode, task.config, rules)
        stream = streaming.open(recognizer.language_id(task.language))
        resampler = make_stream_resampler(rate_hz, self.sample_rate_hz)

        def resample_packet(samples: np.ndarray, is_last: bool) -> Tensor:
            return resampler.resample(torch.from_numpy(samples), is_last)

        return LiveStream(stream, resample_packet, recognizer)

    def speech_detector(self, language: str | None) -> CtcDetector:
        """Return a new detector of speech, see `Engine.speech_detector`."""
        recognizer = self._recognizer
        config = DecodeConfig(chunk_size=STREAM_CHUNK_SIZE, num_left_chunks=DETECTOR_LEFT_CHUNKS)
        streaming = StreamingRecognizer(recognizer, "ctc_greedy_search", config)
        return CtcDetector(streaming, recognizer.language_id(language), torch.from_numpy)
