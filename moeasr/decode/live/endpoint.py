"""Detection of the end of an utterance in a stream: Kaldi's rules on the blanks of CTC."""

import math
from typing import Any

from moeasr.decode.live.config import EndpointConfig


class Endpointer:
    """A counter of the silent frames in successive utterances.

    Args:
        config: The rules.
        frame_sec: Duration of an encoder frame in seconds.
        blank: Id of the blank.
    """

    def __init__(self, config: EndpointConfig, frame_sec: float, blank: int = 0) -> None:
        self._config = config
        self._frame_sec = frame_sec
        self._blank = blank
        self.restart()

    def restart(self) -> None:
        """Start a new utterance."""
        self._num_frames = 0
        self._num_silent = 0

    def advance(self, log_probs: Any) -> None:
        """Count the next frames, (C, V) log-probabilities in a tensor or an array."""
        is_silent = log_probs[:, self._blank] > math.log(self._config.blank_threshold)
        for silent in is_silent.tolist():
            self._num_silent = self._num_silent + 1 if silent else 0
        self._num_frames += len(log_probs)

    def is_endpoint(self, has_speech: bool) -> bool:
        """Return whether the utterance has ended; `has_speech` is True if it has any units."""
        config = self._config
        silence_sec = self._num_silent * self._frame_sec
        return (
            silence_sec >= config.rule1_min_trailing_silence
            or (has_speech and silence_sec >= config.rule2_min_trailing_silence)
            or self._num_frames * self._frame_sec >= config.rule3_min_utterance_length
        )
