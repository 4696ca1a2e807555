"""A stream that gives a new result after each packet, and a clock that a test advances."""

from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.recognition_stream import StreamResult


class Clock:
    """A clock that advances by the given duration of the next piece of work."""

    def __init__(self, durations):
        self.durations = iter(durations)
        self.now = 0.0
        self.is_start = True

    def __call__(self):
        if not self.is_start:
            self.now += next(self.durations)
        self.is_start = not self.is_start
        return self.now


def result(text, is_final=False):
    frames = tuple(range(3, 3 + len(text)))
    nbest = [Hypothesis(tokens=(5,) * len(text), score=0.0, frames=frames)] if is_final else ()
    return StreamResult(text, "", is_final, 0.0, 0.0, nbest)


class FakeStream:
    """A stream that gives a new result after each packet."""

    def __init__(self):
        self.packets = []

    def accept(self, samples):
        self.packets.append(samples)
        return [result("a" * len(self.packets))] if len(self.packets) > 1 else []

    def finish(self):
        return [result("aaaa", is_final=True)]
