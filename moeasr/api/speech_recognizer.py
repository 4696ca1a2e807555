"""The speech recogniser that `moeasr.load` returns: files and samples in, text out.

This module does not import torch.
"""

import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias, Union, cast, overload

import numpy as np

from moeasr.api.engine import Engine, Task
from moeasr.api.keyword_settings import apply_settings, check_names
from moeasr.api.live_stream import LiveStream
from moeasr.api.long_recording import WHOLE_SEC, RecordingTranscriber
from moeasr.api.phrase_list import phrases_in_file
from moeasr.api.transcription import Transcription
from moeasr.audio.arrays import Samples, check_sample_rate, is_number, read_samples
from moeasr.audio.audio_blocks import AudioBlocks, open_blocks, open_copy
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError

Recording: TypeAlias = Union[str, "os.PathLike[str]", BinaryIO, Samples]
"""The path of an audio file, the open file, or samples."""


class SpeechRecognizer:
    """A trained model that turns speech into text.

    `moeasr.load` creates it:

        >>> asr = moeasr.load("exp/u2pp_moe")
        >>> print(asr.transcribe("a.wav"))

    Args:
        engine: The model and its runtime.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def sample_rate(self) -> int:
        """The sample rate of the model, Hz. Other rates are resampled to it."""
        return self._engine.sample_rate_hz

    @property
    def modes(self) -> tuple[str, ...]:
        """The decoding modes that the model supports, from the fastest to the most accurate."""
        return self._engine.modes

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of a model that routes by language; otherwise empty."""
        return self._engine.languages

    def __repr__(self) -> str:
        """Return the name of the model's config, its size and its runtime."""
        return f"<SpeechRecognizer {self._engine.describe()}>"

    @overload
    def transcribe(
        self,
        audio: str | os.PathLike[str] | Samples,
        *,
        sample_rate: int | None = None,
        language: str | None = None,
        mode: str | None = None,
        **settings: Any,
    ) -> Transcription: ...

    @overload
    def transcribe(
        self,
        audio: Sequence[Recording],
        *,
        sample_rate: int | None = None,
        language: str | None = None,
        mode: str | None = None,
        **settings: Any,
    ) -> list[Transcription]: ...

    def transcribe(
        self,
        audio: Recording | Sequence[Recording],
        *,
        sample_rate: int | None = None,
        language: str | None = None,
        mode: str | None = None,
        **settings: Any,
    ) -> Transcription | list[Transcription]:
        """Recognise one recording or several, of any length.

        A recording of more than 30 s is cut at its pauses, see `moeasr.api.long_recording`. Its
        result has the text and the words of the whole recording, but no n-best list.

            >>> asr.transcribe("a.wav").text
            >>> asr.transcribe(["a.wav", "b.flac"])
            >>> asr.transcribe(samples, sample_rate=44100, beam_size=20)

        Args:
            audio: The path of an audio file; or the file itself, open for reading bytes, such as
                `io.BytesIO(content)`; or samples, (S,) or (S, C), as an array of NumPy, a tensor of
                torch or a list of numbers; or a list of these. Floating-point samples lie
                in [-1, 1]; uint8, int16 and int32 are scaled. Channels are mixed down to their
                mean.
            sample_rate: The rate of samples, Hz. A file has its own rate.
            language: The language of the recordings; only a model that routes by language needs it.
            mode: The decoding mode, one of `modes`, or the import path of another search. None
                chooses the most accurate mode that the model can do with the settings.
            **settings: Fields of `moeasr.decode.config.DecodeConfig` and its `FusionConfig`, such
                as `beam_size`, `chunk_size`, `lm` and `context`. They are the options of `moeasr
                transcribe`; `context` may also be a list of phrases.

        Returns:
            A result, or a list with the result of each recording.

        Raises:
            InputError: A file cannot be read, samples are not audio, or a setting is unknown or
                wrong. The message is one sentence.
        """
        defaults = DecodeConfig()
        check_names(settings, [defaults], ["sample_rate", "language", "mode"])
        _check_mode(mode)
        # the file is read again whenever another thread has used other phrases in between
        with phrases_in_file(settings) as given:
            return self._transcribe(audio, sample_rate, _task(given, defaults, mode, language))

    def _transcribe(
        self, audio: Recording | Sequence[Recording], sample_rate: int | None, task: Task
    ) -> Transcription | list[Transcription]:
        model = RecordingTranscriber(self._engine, task)
        recordings, is_list = _recordings(audio, sample_rate)
        found: dict[int, Transcription] = {}
        short: dict[int, Any] = {}
        for number, recording in enumerate(recordings):
            name = f"recording {number + 1} of {len(recordings)}" if is_list else "the recording"
            with _opened(recording, sample_rate, name) as source:
                if source.duration_sec > WHOLE_SEC:
                    if isinstance(recording, (str, os.PathLike)):
                        name = os.fspath(recording)
                    found[number] = model.run(source, source.rate_hz, name).joined()
                else:
                    samples = np.concatenate(list(source))
                    short[number] = self._engine.waveform(samples, source.rate_hz)
        found |= zip(short, model.transcriber.run(list(short.values())))
        results = [found[number] for number in range(len(recordings))]
        return results if is_list else results[0]

    def stream(
        self,
        *,
        sample_rate: int,
        language: str | None = None,
        mode: str | None = None,
        endpoint: bool = True,
        **settings: Any,
    ) -> LiveStream:
        """Open a live stream, which takes samples as they come.

            >>> stream = asr.stream(sample_rate=16000)
            >>> for packet in packets:
            ...     for result in stream.push(packet):
            ...         print(result.text, result.is_final)
            >>> print(stream.finish())

        Args:
            sample_rate: The rate of the samples that will be pushed, Hz.
            language: The language of the stream; only a model that routes by language needs it.
            mode: The decoding mode of final results, as in `transcribe`.
            endpoint: True if a pause ends an utterance, False if only the end of the stream does.
            **settings: As in `transcribe`, and the fields of
                `moeasr.decode.live.config.EndpointConfig`, such as `rule2_min_trailing_silence`.
                `chunk_size` is 16 unless it is given, or that of an exported model.

        Raises:
            InputError: The model cannot be streamed, or a setting is unknown or wrong.
        """
        engine = self._engine
        defaults, rules = DecodeConfig(chunk_size=engine.stream_chunk_size), EndpointConfig()
        check_names(settings, [defaults, rules], ["sample_rate", "language", "mode", "endpoint"])
        if not isinstance(endpoint, bool):
            raise InputError(f"`endpoint` must be True or False, but is {endpoint!r}")
        _check_mode(mode)
        rules, given_rules = apply_settings(settings, rules)
        if given_rules and not endpoint:
            raise InputError(f"`{next(iter(given_rules))}` has no effect with `endpoint=False`")
        rate_hz = check_sample_rate(sample_rate)
        with phrases_in_file(settings) as given:
            task = _task(given, defaults, mode, language)
            return engine.open_stream(task, rules if endpoint else None, rate_hz)


@dataclass(frozen=True)
class _Samples:
    """Samples in memory as a source of audio, see `moeasr.audio.audio_blocks.AudioSource`."""

    samples: np.ndarray
    rate_hz: int
    header_overshoots: bool = False

    @property
    def duration_sec(self) -> float:
        """Duration, seconds."""
        return len(self.samples) / self.rate_hz

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield all samples at once."""
        yield self.samples


@contextmanager
def _opened(
    audio: Recording, sample_rate: int | None, name: str
) -> Iterator[AudioBlocks | _Samples]:
    """Open a recording, which is a file or samples in memory."""
    is_path, is_file = isinstance(audio, (str, os.PathLike)), hasattr(audio, "read")
    if not is_path and not is_file:
        yield _Samples(*read_samples(audio, sample_rate, name))
        return
    name = os.fspath(audio) if is_path else name
    if sample_rate is not None:
        raise InputError(
            f"`sample_rate` is only for arrays of samples; omit it for the audio file {name}, "
            "which has its own sample rate"
        )
    if is_file:
        _check_binary(audio, name)
    with open_copy(audio, name) if is_file else open_blocks(name) as blocks:
        yield blocks


def _check_binary(file: Any, name: str) -> None:
    """Raise `InputError` unless a file object gives bytes."""
    try:
        found = file.read(0)
    except (OSError, ValueError, TypeError) as error:  # a closed file, an object of another kind
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{name} is a file that cannot be read ({reason})") from None
    if isinstance(found, str):
        raise InputError(f"{name} is a file opened as text; open it with the mode 'rb'")
    if inspect.iscoroutine(found):
        found.close()
        raise InputError(
            f"{name} is a file that is read with `await`; give `io.BytesIO(await file.read())`"
        )
    if not isinstance(found, bytes):
        raise InputError(f"{name} must be a file of bytes, but gives {type(found).__name__}")


def _task(
    settings: dict[str, Any], defaults: DecodeConfig, mode: str | None, language: str | None
) -> Task:
    """Return the decoding task: mode, language and settings, chosen by the user or by default."""
    config, given = apply_settings(settings, defaults)
    FusionConfig.check_given(given.get("fusion", {}))
    return Task(mode=mode, config=config, given=list(given), language=language)


def _check_mode(mode: str | None) -> None:
    """Raise `InputError` unless a mode is a text or None."""
    if not isinstance(mode, str | None):
        raise InputError(f"`mode` must be the name of a decoding mode, but is {mode!r}")


def _recordings(
    audio: Recording | Sequence[Recording], sample_rate: int | None
) -> tuple[Sequence[Recording], bool]:
    """Return the recordings, and whether they were given as a list."""
    if not isinstance(audio, (list, tuple)):
        return [cast("Recording", audio)], False
    if audio and isinstance(audio[0], (list, tuple)):
        raise InputError(
            "a list of lists may be one recording of several channels or several recordings; give "
            "arrays of NumPy instead"
        )
    # an empty list with a rate is a recording without samples
    is_samples = is_number(audio[0]) if audio else sample_rate is not None
    return ([audio], False) if is_samples else (audio, True)
