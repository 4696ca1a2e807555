"""The engine that runs model folders in onnxruntime, behind `moeasr.load`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from moeasr.api.engine import Task
from moeasr.api.live_stream import LiveStream
from moeasr.api.transcription import Transcription, transcription_of
from moeasr.audio.bounds import check_new_rate
from moeasr.audio.packet_resampling import QUALITY, PacketResampler
from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.ctc_detector import CtcDetector
from moeasr.decode.live.recognition_stream import RecognitionStream
from moeasr.deploy.batched_streams import StreamBatch
from moeasr.deploy.folder_modes import MODES, choose_mode
from moeasr.deploy.folder_recognizer import FolderRecognizer
from moeasr.deploy.folder_streaming import FolderStreaming
from moeasr.deploy.model_folder import OFFLINE, ModelFolder, network_mb
from moeasr.errors import InputError
from moeasr.plurals import counted


def open_folder(
    path: str | Path,
    device: str = "cpu",
    quantize: str | None = None,
    num_threads: int | None = None,
    experts_per_frame: int | None = None,
) -> "FolderEngine":
    """Open a model folder.

    Args:
        path: The folder.
        device: Must be `cpu`.
        quantize: `int8` for the networks in int8; None for float32.
        num_threads: Number of CPU threads; None lets onnxruntime decide.
        experts_per_frame: Must be None, because the networks fix this number.

    Raises:
        InputError: The folder is damaged or incomplete, or does not support an argument.
    """
    if device != "cpu":
        raise InputError(f"a model folder runs on the CPU: `device` must be cpu, but is {device!r}")
    if quantize not in (None, "int8"):
        raise InputError(
            f"a model folder has networks in float32 and in int8: `quantize` must be int8 or "
            f"left out, but is {quantize!r}"
        )
    if experts_per_frame is not None:
        raise InputError(
            "the number of experts per frame of a model folder is fixed; use the checkpoint to "
            "change `experts_per_frame`"
        )
    folder = ModelFolder.read(path)
    return FolderEngine(FolderRecognizer(folder, quantize == "int8", num_threads))


class FolderEngine:
    """The engine of a model folder, see `moeasr.api.engine.Engine`.

    Args:
        recognizer: The recognizer loaded from the folder.
    """

    languages: tuple[str, ...] = ()
    has_ctc = True

    def __init__(self, recognizer: FolderRecognizer) -> None:
        self._recognizer = recognizer

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the model, Hz."""
        return self._recognizer.folder.config.fbank.sample_rate_hz

    @property
    def modes(self) -> tuple[str, ...]:
        """The decoding modes that the folder can do, from the fastest to the most accurate."""
        return self._recognizer.modes

    @property
    def stream_chunk_size(self) -> int:
        """Encoder frames per chunk of a stream, see `Engine.stream_chunk_size`."""
        return self._recognizer.stream_sizes().chunk_size

    def describe(self) -> str:
        """Return the name of the model's config, the size of its file and its runtime."""
        recognizer = self._recognizer
        name = recognizer.folder.info.get("config_name", "unknown")
        size_mb = network_mb(recognizer.folder.file(OFFLINE, recognizer.is_int8))
        precision = "int8" if recognizer.is_int8 else "fp32"
        return f"{name}, {size_mb:.1f} MB, onnxruntime, {precision}"

    def waveform(self, samples: np.ndarray, rate_hz: int) -> np.ndarray:
        """Return (S,) samples of any rate at the model's rate."""
        if rate_hz == self.sample_rate_hz:
            return samples
        check_new_rate(rate_hz)
        return soxr.resample(samples, rate_hz, self.sample_rate_hz, QUALITY)

    def transcriber(self, task: Task) -> "FolderTranscriber":
        """Return an object that transcribes whole recordings, see `Engine.transcriber`."""
        return FolderTranscriber(self._recognizer, task)

    def open_stream(self, task: Task, rules: EndpointConfig | None, rate_hz: int) -> LiveStream:
        """Open a stream, see `Engine.open_stream`."""
        mode, config = self._stream_settings(task)
        phrases = self._recognizer.read_phrases(config)
        streaming = FolderStreaming(self._recognizer, mode, config, rules, phrases)
        resample = PacketResampler(rate_hz, self.sample_rate_hz)
        return LiveStream(RecognitionStream(streaming), resample, self._recognizer)

    def open_batch(self, task: Task, rules: EndpointConfig | None) -> StreamBatch:
        """Prepare streams whose chunks are encoded together. Their sizes are those of the folder.

        Raises:
            InputError: The folder cannot do the task, or has no network for batches.
        """
        mode, config = self._stream_settings(task)
        sizes = self._recognizer.stream_sizes()
        if (config.chunk_size, config.num_left_chunks) != dataclasses.astuple(sizes):
            raise InputError(
                "streams in batches have the sizes of the export, "
                f"{counted(sizes.chunk_size, 'frame')} per chunk and "
                f"{counted(sizes.num_left_chunks, 'left chunk')}; omit `chunk_size` and "
                "`num_left_chunks`, or export the checkpoint again with others"
            )
        return StreamBatch(self._recognizer, mode, config, rules)

    def _stream_settings(self, task: Task) -> tuple[str, DecodeConfig]:
        """Return the mode and the complete settings of a stream."""
        mode, config = _resolve(self._recognizer, task)
        sizes = self._recognizer.stream_sizes()
        if config.chunk_size == -1:
            raise InputError("`chunk_size` must be at least 1 to stream, but is -1")
        if "num_left_chunks" not in task.given:
            config = dataclasses.replace(config, num_left_chunks=sizes.num_left_chunks)
        if config.num_left_chunks == -1:
            raise InputError(
                "the caches of a model folder have a fixed size: `num_left_chunks` must be at "
                "least 1 in a stream, but is -1"
            )
        return mode, config

    def speech_detector(self, language: str | None) -> CtcDetector:
        """Return a new detector of speech, see `Engine.speech_detector`."""
        sizes = dataclasses.asdict(self._recognizer.stream_sizes())
        config = DecodeConfig(**sizes)
        streaming = FolderStreaming(self._recognizer, "ctc_greedy_search", config, None)
        return CtcDetector(streaming, None, np.asarray)


class FolderTranscriber:
    """A model folder that transcribes whole recordings with a fixed mode and fixed settings.

    Args:
        recognizer: The recognizer loaded from the folder.
        task: The mode and the settings.

    Raises:
        InputError: The folder does not support the mode or a setting.
    """

    def __init__(self, recognizer: FolderRecognizer, task: Task) -> None:
        self.mode, self._config = _resolve(recognizer, task)
        self.num_kept = self._config.beam_size if "beam_size" in MODES[self.mode].settings else 1
        """Most hypotheses that the mode returns."""
        self._phrases = recognizer.read_phrases(self._config)
        self._recognizer = recognizer

    def run(self, waveforms: Sequence[np.ndarray]) -> list[Transcription]:
        """Recognise recordings, each (S,) samples in [-1, 1] at the model's sample rate.

        Raises:
            InputError: A sample is NaN or infinite.
        """
        recognizer = self._recognizer
        found = (
            recognizer.recognize(wave, self.mode, self._config, self._phrases) for wave in waveforms
        )
        return [transcription_of(nbest, recognizer) for nbest in found]


def _resolve(recognizer: FolderRecognizer, task: Task) -> tuple[str, DecodeConfig]:
    """Return the mode and the complete settings of a task, and read the networks for it."""
    if task.language is not None:
        raise InputError(
            f"a model folder does not route by language; omit the language ('{task.language}')"
        )
    config = task.config
    mode = choose_mode(task.mode, recognizer.modes, config, task.given)
    if config.num_left_chunks == 0:
        raise InputError("`num_left_chunks` must be at least 1 on a model folder, but is 0")
    recognizer.read_networks(
        for_streams=config.chunk_size != -1, for_rescoring=MODES[mode].rescores
    )
    if MODES[mode].rescores:
        can_reverse = recognizer.decoder.can_reverse
        if config.reverse_weight is None:
            weight = recognizer.folder.config.reverse_weight if can_reverse else 0.0
            config = dataclasses.replace(config, reverse_weight=weight)
        elif config.reverse_weight > 0 and not can_reverse:
            raise InputError(
                f"`reverse_weight` {config.reverse_weight} needs a right-to-left decoder, but this "
                "model has none"
            )
    return mode, config
