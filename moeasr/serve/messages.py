"""The messages of a live stream, in the protocol of sherpa-onnx's server for streaming models.

The client sends samples in binary messages, then the text `Done`. The server sends results as JSON
texts, then the text `Done!`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from moeasr.api.live_stream import LiveTranscription
from moeasr.api.transcription import Word
from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.strict_json import to_json

END_OF_AUDIO, END_OF_RESULTS = "Done", "Done!"
SAMPLE = np.dtype("<f4")


def samples_of(message: bytes) -> np.ndarray:
    """Return the (S,) samples of a binary message.

    Raises:
        InputError: The message does not consist of whole samples.
    """
    if len(message) % SAMPLE.itemsize:
        raise InputError(
            "a message must contain float32 samples of 4 bytes, but has "
            f"{counted(len(message), 'byte')}"
        )
    return np.frombuffer(message, SAMPLE)


def result_message(result: LiveTranscription, segment: int) -> str:
    """Return a result as JSON.

    The keys of sherpa-onnx are `text`, `segment`, `start_time`, `is_final`, `tokens` and
    `timestamps`. Here, the tokens are the words of a final result, and their times count from
    `start_time`. The other keys are moeasr's; their times count from the start of the stream.

    Args:
        result: The result.
        segment: Number of final results before this one.
    """
    return to_json(
        {
            "text": result.text,
            "segment": segment,
            "start_time": _rounded(result.start),
            "is_final": result.is_final,
            "tokens": [word.text for word in result.words],
            "timestamps": [_rounded(word.start - result.start) for word in result.words],
            "stable_text": result.stable_text,
            "end_time": _rounded(result.end),
            "words": words_json(result.words),
        },
        ensure_ascii=False,
    )


def words_json(words: Sequence[Word]) -> list[dict[str, Any]]:
    """Return words with their times in the form of OpenAI's `verbose_json`, with confidence."""
    return [
        {
            "word": word.text,
            "start": _rounded(word.start),
            "end": _rounded(word.end),
            "confidence": round(word.confidence, 4),
        }
        for word in words
    ]


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
