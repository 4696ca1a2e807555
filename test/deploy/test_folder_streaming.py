"""Streams on a model folder, below the API."""

import numpy as np
import pytest

from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.recognition_stream import RecognitionStream
from moeasr.deploy.folder_recognizer import FolderRecognizer
from moeasr.deploy.folder_streaming import FolderStreaming
from moeasr.deploy.model_folder import ModelFolder


@pytest.fixture
def streaming(folder):
    recognizer = FolderRecognizer(ModelFolder.read(folder), is_int8=False, num_threads=1)
    config = DecodeConfig(chunk_size=4, num_left_chunks=2, reverse_weight=0.3)
    return FolderStreaming(recognizer, "attention_rescoring", config, None)


@pytest.mark.parametrize("packet", [100, 1000, 30000])
def test_results_do_not_depend_on_the_packets(streaming, sound, packet):
    wave = sound(1.3)

    def final(size):
        stream = RecognitionStream(streaming)
        parts = [wave[i : i + size] for i in range(0, len(wave), size)]
        return ([r for part in parts for r in stream.accept(part)] + stream.finish())[-1]

    assert final(packet) == final(1600)
    assert final(packet).text and final(packet).nbest[0].attention_score is not None


@pytest.mark.parametrize("num_samples", [0, 1, 160, 800])
def test_very_short_streams_give_an_empty_result(streaming, sound, num_samples):
    stream = RecognitionStream(streaming)
    (result,) = stream.accept(sound(1.0)[:num_samples]) + stream.finish()
    assert (result.is_final, result.text) == (True, "")


def test_an_encoder_keeps_no_more_features_than_a_chunk_needs(streaming):
    encoder = streaming.open_encoder(None)
    chunks = [chunk for _ in range(50) for chunk in encoder.accept(np.zeros(1600, np.float32))]
    assert {chunk.log_probs.shape for chunk in chunks} == {(1, 4, 8)}
    assert len(encoder._feats) < 19
