"""Processor time that passes only when a test says so, for trials of the fastest kernel."""


class FakeClock:
    """Takes the place of the module `time`."""

    def __init__(self):
        self._now_sec = 0.0

    def thread_time(self):
        return self._now_sec

    def advance(self, sec):
        self._now_sec += sec
