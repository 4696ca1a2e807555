"""When an utterance in a stream is over: Kaldi's end-point rules on the blanks of CTC."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from moeasr.errors import InputError


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """Kaldi's three rules, of which one is enough; times as in WeNet's `ctc_endpoint.h`."""

    rule1_min_trailing_silence: float = 5.0
    """Seconds of silence, whether or not somebody has spoken before."""
    rule2_min_trailing_silence: float = 1.0
    """Seconds of silence once somebody has spoken."""
    rule3_min_utterance_length: float = 20.0
    """Seconds since the last end point, whatever is said."""
    blank_threshold: float = 0.8
    """A frame is silent if CTC gives its blank more than this probability."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 < self.blank_threshold < 1:
            raise InputError(
                f"`blank_threshold` must be between 0 and 1, but is {self.blank_threshold}"
            )
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"`{name}` must be above 0, but is {value}")


class Endpointer:
    """Counts the frames of one utterance after the other.

    Args:
        config: The rules.
        frame_sec: Seconds of an encoder frame.
        blank: Id of the blank.
    """

    def __init__(self, config: EndpointConfig, frame_sec: float, blank: int = 0) -> None:
        self._config = config
        self._frame_sec = frame_sec
        self._blank = blank
        self.restart()

    def restart(self) -> None:
        """Begin an utterance."""
        self._num_frames = 0
        self._num_silent = 0

    def advance(self, log_probs: Tensor) -> None:
        """Look at the next frames, (C, V) log-probabilities."""
        is_speech = log_probs[:, self._blank] <= math.log(self._config.blank_threshold)
        spoken = torch.nonzero(is_speech)
        num_new = log_probs.size(0)
        if spoken.numel():
            self._num_silent = num_new - 1 - int(spoken[-1])
        else:
            self._num_silent += num_new
        self._num_frames += num_new

    def is_endpoint(self, has_speech: bool) -> bool:
        """Whether the utterance is over; `has_speech` says if anything was recognised in it."""
        config = self._config
        silence_sec = self._num_silent * self._frame_sec
        return (
            silence_sec >= config.rule1_min_trailing_silence
            or (has_speech and silence_sec >= config.rule2_min_trailing_silence)
            or self._num_frames * self._frame_sec >= config.rule3_min_utterance_length
        )
