"""Messages of live streams."""

import json

import numpy as np
import pytest

from moeasr.api.live_stream import LiveTranscription
from moeasr.api.transcription import Word
from moeasr.errors import InputError
from moeasr.serve.messages import result_message, samples_of


def test_samples_are_little_endian_float32():
    assert samples_of(b"\x00\x00\x00\x3f\x00\x00\x80\xbf").tolist() == [0.5, -1.0]
    assert samples_of(b"").dtype == np.float32
    with pytest.raises(InputError, match="must contain float32 samples of 4 bytes, but has 5"):
        samples_of(bytes(5))


def test_a_result_has_the_keys_of_sherpa_onnx_and_words():
    words = (Word("ZÜRICH", 2.04, 2.48, 0.98765), Word("NORD", 2.6, 2.8, 0.5))
    result = LiveTranscription("ZÜRICH NORD", words, (), True, "ZÜRICH NORD", 1.92, 3.20004)
    text = result_message(result, 3)
    assert "ZÜRICH" in text
    assert json.loads(text) == {
        "text": "ZÜRICH NORD",
        "segment": 3,
        "start_time": 1.92,
        "is_final": True,
        "tokens": ["ZÜRICH", "NORD"],
        "timestamps": [0.12, 0.68],
        "stable_text": "ZÜRICH NORD",
        "end_time": 3.2,
        "words": [
            {"word": "ZÜRICH", "start": 2.04, "end": 2.48, "confidence": 0.9877},
            {"word": "NORD", "start": 2.6, "end": 2.8, "confidence": 0.5},
        ],
    }
