"""Detection of speech by the CTC outputs of a model that can stream.

This module does not import torch.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.recognition_stream import EncodedChunk, StreamingModel


class CtcDetector:
    """A detector of speech in one signal, see `moeasr.audio.pauses.SpeechDetector`.

    As in the rules for end points, a frame in which the blank is likely is silent.

    Args:
        model: The model, whose left context is limited.
        language: Index in the model's languages.
        to_samples: Function that returns (S,) samples in the form that the model needs.
        blank: Id of the blank.
    """

    def __init__(
        self,
        model: StreamingModel,
        language: int | None,
        to_samples: Callable[[np.ndarray], Any],
        blank: int = 0,
    ) -> None:
        self.frame_sec = model.frame_sec
        self._encoder = model.open_encoder(language)
        self._to_samples = to_samples
        self._blank = blank

    def accept(self, samples: np.ndarray) -> list[bool]:
        """Return whether there is speech in the frames that (S,) further samples complete."""
        return self._detect(self._encoder.accept(self._to_samples(samples)))

    def finish(self) -> list[bool]:
        """Return whether there is speech in the remaining frames at the end of the signal."""
        return self._detect(self._encoder.finish())

    def _detect(self, chunks: Iterable[EncodedChunk]) -> list[bool]:
        limit = math.log(EndpointConfig().blank_threshold)
        found: list[bool] = []
        for chunk in chunks:
            found += (chunk.log_probs[0, :, self._blank] <= limit).tolist()
        return found
