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


def test_a_recording_too_short_for_one_frame_gives_an_empty_hypothesis(recognizer):
    for num_samples in (0, 1, 960):
        (best,) = recognizer.recognize(
            np.zeros(num_samples, np.float32), "attention_rescoring", DecodeConfig()
        )
        assert (best.tokens, best.score) == ((), 0.0)
        assert recognizer.text(best) == "" and recognizer.times(best).words == []


def test_a_recording_of_one_chunk_gives_the_result_of_the_whole_recording(recognizer, sound):
    wave, mode = sound(0.2), "ctc_prefix_beam_search"  # 4 encoder frames
    (whole, *_), (chunk, *_) = (
        recognizer.recognize(wave, mode, DecodeConfig(chunk_size=size)) for size in (-1, 4)
    )
    assert chunk.tokens == whole.tokens != () and chunk.spans == whole.spans
    assert chunk.score == pytest.approx(whole.score, abs=1e-3)
    assert recognizer.frame_sec == 0.04
    with pytest.raises(InputError, match="NaN or infinity"):
        recognizer.recognize(wave * np.nan, mode, DecodeConfig())


def test_sizes_of_chunks_beyond_the_recording_need_no_memory(recognizer, sound):
    wave, mode = sound(0.2), "ctc_greedy_search"
    sizes = [(4, 2), (10**9, 2), (4, 10**9), (10**9, 10**9)]
    configs = [DecodeConfig(chunk_size=size, num_left_chunks=left) for size, left in sizes]
    found = [recognizer.recognize(wave, mode, config)[0].tokens for config in configs]
    assert found[0] and found == found[:1] * 4


def test_windows_contain_the_features_of_their_chunk(recognizer, sound):
    assert (recognizer.window_frames(1), recognizer.window_frames(16)) == (7, 67)
    caches = recognizer.streaming.start(8)
    assert recognizer.encode_window(np.zeros((6, 20), np.float32), caches) is None
    encoded, _ = recognizer.encode_window(np.zeros((14, 20), np.float32), caches)
    assert encoded.log_probs.shape == (2, 8)


def test_chunks_are_concatenated():
    parts = [Encoded(np.full((n, 2), n), np.full((n, 3), -n)) for n in (1, 2)]
    joined = join_encoded(parts)
    assert joined.enc[:, 0].tolist() == [1, 2, 2] and joined.log_probs.shape == (3, 3)
