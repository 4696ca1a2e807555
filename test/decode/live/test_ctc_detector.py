"""Detection of speech by CTC, with a made-up model in which each sample is a frame."""

import numpy as np

from moeasr.decode.live.ctc_detector import CtcDetector
from moeasr.decode.live.recognition_stream import EncodedChunk


class Encoder:
    """Frames whose blank has the value of the sample as probability, in chunks of two."""

    def __init__(self, language):
        self.language = language
        self.samples = []

    def accept(self, samples):
        self.samples += samples
        while len(self.samples) >= 2:
            yield self.encoded(2)

    def finish(self):
        yield self.encoded(len(self.samples))

    def encoded(self, count):
        blank = np.array([self.samples.pop(0) for _ in range(count)])
        log_probs = np.log(np.stack([(1 - blank) / 2, blank, (1 - blank) / 2], axis=1))
        return EncodedChunk(None, log_probs[None], np.array([count]))


class Model:
    frame_sec = 0.04

    def open_encoder(self, language):
        self.encoder = Encoder(language)
        return self.encoder


def test_frames_are_silent_if_the_blank_is_likely():
    model = Model()
    detector = CtcDetector(model, 3, lambda samples: list(samples), blank=1)
    assert (detector.frame_sec, model.encoder.language) == (0.04, 3)
    assert detector.accept(np.array([0.9, 0.5, 0.81])) == [False, True]
    assert detector.accept(np.array([0.79])) == [False, True]
    assert detector.accept(np.array([0.1])) == []
    assert detector.finish() == [True]
