"""The stream of a made-up model without torch: each sample is a frame, and its value is a unit."""

import numpy as np

from moeasr.decode.hypothesis import Hypothesis, PartialUnits
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.recognition_stream import EncodedChunk, RecognitionStream

CHUNK = 2


class Heard:
    """A first pass that recognises every unit except the blank."""

    def __init__(self):
        self.units = ()

    def advance(self, log_probs, lens):
        assert lens.tolist() == [log_probs.shape[1]]
        self.units += tuple(unit for unit in log_probs[0].argmax(-1).tolist() if unit)

    def hypotheses(self, is_final=False):
        return [[Hypothesis(tokens=self.units, score=0.0)]]

    def partial(self, first=0):
        return [PartialUnits(self.units[first:], ())]


class ChunkEncoder:
    def __init__(self):
        self.samples, self.num_restarts = np.zeros(0, int), 0

    def accept(self, samples):
        self.samples = np.concatenate([self.samples, samples])
        while len(self.samples) >= CHUNK:
            yield self.encoded(self.samples[:CHUNK])
            self.samples = self.samples[CHUNK:]

    def finish(self):
        if len(self.samples):
            yield self.encoded(self.samples)

    def restart(self):
        self.num_restarts += 1

    def encoded(self, samples):
        log_probs = np.log(np.where(np.arange(4) == samples[:, None], 0.97, 0.01))[None]
        return EncodedChunk(None, log_probs, np.array([len(samples)]))


class Model:
    """A model whose units are letters, and whose second pass returns the number of its chunks."""

    frame_sec = 0.5

    def __init__(self, needs_frames=False):
        self.endpoint = EndpointConfig(rule2_min_trailing_silence=1.0)
        self.needs_frames = needs_frames
        self.encoder = ChunkEncoder()

    def open_encoder(self, language):
        return self.encoder

    def first_pass(self):
        return Heard()

    def second_pass(self, nbest, chunks):
        return [Hypothesis(tokens=(3,) * len(chunks), score=1.0)]

    def text(self, units):
        return "".join("_abc"[unit] for unit in units)


def told(model, samples, packet):
    stream = RecognitionStream(model)
    parts = [samples[i : i + packet] for i in range(0, len(samples), packet)]
    results = [result for part in parts for result in stream.accept(part)] + stream.finish()
    return [(r.text, r.is_final, r.start_sec, r.end_sec) for r in results]


def test_partial_and_final_results_with_end_points():
    expected = [
        ("a", False, 0.0, 1.0),
        ("ab", False, 0.0, 2.0),
        ("ab", True, 0.0, 3.0),  # a second of silence
        ("c", False, 3.0, 3.5),
        ("c", True, 3.0, 3.5),
    ]
    for packet in (1, 3, 7):
        model = Model()
        assert told(model, np.array([0, 1, 0, 2, 0, 0, 3]), packet) == expected
        assert model.encoder.num_restarts == 1


def test_a_second_pass_gets_the_chunks_of_its_utterance():
    model = Model(needs_frames=True)
    finals = [text for text, is_final, *_ in told(model, np.array([0, 1, 0, 0, 3]), 5) if is_final]
    assert finals == ["cc", "c"]
