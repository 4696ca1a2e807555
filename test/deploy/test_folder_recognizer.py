"""Waveforms to hypotheses on a model folder."""

import numpy as np
import pytest

from moeasr.decode.config import DecodeConfig
from moeasr.deploy.folder_recognizer import FolderRecognizer, join_encoded
from moeasr.deploy.model_folder import ModelFolder
from moeasr.deploy.networks import Encoded
from moeasr.errors import InputError


@pytest.fixture
def recognizer(folder):
    return FolderRecognizer(ModelFolder.read(folder), is_int8=False, num_threads=1)


def test_a_recording_too_short_for_one_frame_has_the_empty_hypothesis(recognizer):
    for num_samples in (0, 1, 960):
        (best,) = recognizer.recognize(
            np.zeros(num_samples, np.float32), "attention_rescoring", DecodeConfig()
        )
        assert (best.tokens, best.score) == ((), 0.0)
        assert recognizer.text(best) == "" and recognizer.times(best).words == []


def test_chunks_with_all_left_chunks_end_like_whole_recordings_begin(recognizer, sound):
    """The first chunk sees only itself; a chunk as long as the recording sees all of it."""
    wave = sound(0.5)  # 11 encoder frames
    one = recognizer.recognize(wave, "ctc_greedy_search", DecodeConfig())[0]
    assert recognizer.frame_sec == 0.04 and one.spans[-1][1] <= 11
    with pytest.raises(InputError, match="NaN or infinity"):
        recognizer.recognize(wave * np.nan, "ctc_greedy_search", DecodeConfig())


def test_windows_of_chunks(recognizer, sound):
    assert (recognizer.window_frames(1), recognizer.window_frames(16)) == (7, 67)
    caches = recognizer.streaming.start(8)
    assert recognizer.encode_window(np.zeros((6, 20), np.float32), caches) is None
    encoded, _ = recognizer.encode_window(np.zeros((14, 20), np.float32), caches)
    assert encoded.log_probs.shape == (2, 8)


def test_parts_are_joined():
    parts = [Encoded(np.full((n, 2), n), np.full((n, 3), -n)) for n in (1, 2)]
    joined = join_encoded(parts)
    assert joined.enc[:, 0].tolist() == [1, 2, 2] and joined.log_probs.shape == (3, 3)
