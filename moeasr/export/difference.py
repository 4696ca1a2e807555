"""The comparison of exported files with their checkpoint on a set of utterances."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.models.heads.attention_head import SOS_EOS

TOLERANCE = 0.01
"""Largest difference of log-probabilities that counts as equal. Rounding alone changes them far
less."""
MAX_FRAMES = 0.01
"""Largest share of frames that may differ by more than `TOLERANCE`. Two runtimes round differently,
so a router with two nearly equal scores may choose another expert, which changes the frames around
it a little."""


@dataclass
class Difference:
    """The differences between the outputs of an exported file and those of its checkpoint."""

    largest: float = 0.0
    """Largest difference of a log-probability above `RELEVANT`."""
    num_frames: int = 0
    """Number of frames compared."""
    num_differing: int = 0
    """Number of frames whose difference exceeds `TOLERANCE`."""
    texts: list[str] = field(default_factory=list)
    """Texts of the exported file."""
    differing_texts: list[str] = field(default_factory=list)
    """Ids of utterances whose text differs from that of the checkpoint."""
    wall_sec: float = 0.0
    """Seconds that the exported file took."""

    def count(self, gaps: np.ndarray) -> None:
        """Count frames by their (T,) largest differences; NaN is a difference."""
        self.num_frames += len(gaps)
        self.num_differing += int((~(gaps <= TOLERANCE)).sum())
        self.largest = float(np.maximum(self.largest, gaps.max(initial=0.0)))

    def check(self, name: str) -> None:
        """Raise `InputError` unless the file computes what its checkpoint computes.

        Args:
            name: Name of the file, for the message.
        """
        if self.differing_texts:
            listed = ", ".join(self.differing_texts[:3])
            raise InputError(
                f"no model folder is written: the text of {name} differs from that of the "
                f"checkpoint for {len(self.differing_texts)} of {len(self.texts)} utterances "
                f"({listed}); please report this"
            )
        if self.num_differing > MAX_FRAMES * self.num_frames or np.isnan(self.largest):
            raise InputError(
                f"no model folder is written: the log-probabilities of {name} differ from those of "
                f"the checkpoint by more than {TOLERANCE} (by up to {self.largest:.3g}) in "
                f"{self.num_differing} of {self.num_frames} frames; please report this"
            )


RELEVANT = -12.0
"""Log-probabilities below this value are not compared, because they do not affect texts."""


def compare(
    recognizer: Recognizer,
    utterances: Sequence[tuple[str, np.ndarray]],
    exported: Callable[[np.ndarray], np.ndarray],
    chunk_size: int = -1,
    num_left_chunks: int = -1,
) -> Difference:
    """Compare a file with its checkpoint.

    Args:
        recognizer: The checkpoint's model in PyTorch.
        utterances: Ids and features (T, F) of utterances.
        exported: Function that returns the log-probabilities (T', V) of the file for features.
        chunk_size: Encoder frames per chunk of the file; -1 for full context.
        num_left_chunks: Number of left chunks of the file; -1 for all.
    """
    difference = Difference()
    for utt, feats in utterances:
        start_sec = time.perf_counter()
        given = exported(feats)
        difference.wall_sec += time.perf_counter() - start_sec
        wanted = _log_probs(recognizer, feats, chunk_size, num_left_chunks)
        if given.shape != tuple(wanted.shape):
            raise InputError(
                f"the exported file gives log-probabilities of shape {given.shape} for utterance "
                f"{utt}, but the checkpoint {tuple(wanted.shape)}"
            )
        text = _text(recognizer, torch.from_numpy(given))
        difference.texts.append(text)
        if text != _text(recognizer, wanted):
            difference.differing_texts.append(utt)
        wanted[:, SOS_EOS] = torch.from_numpy(given[:, SOS_EOS])  # see `UNLIKELY`
        wanted = wanted.numpy()
        gaps = np.where(wanted <= RELEVANT, 0.0, np.abs(given - wanted))
        difference.count(gaps.max(axis=1, initial=0.0))
    return difference


@torch.no_grad()
def _log_probs(
    recognizer: Recognizer, feats: np.ndarray, chunk_size: int, num_left_chunks: int
) -> Tensor:
    """Return the log-probabilities (T', V) of the checkpoint; none for too short an utterance."""
    model = recognizer.model
    if model.output_len(len(feats)) == 0:
        return torch.zeros(0, model.vocab_size)
    batch = torch.from_numpy(feats)[None], torch.tensor([len(feats)])
    return model.ctc_log_probs(model.encode(*batch, chunk_size, num_left_chunks).enc)[0]


def _text(recognizer: Recognizer, log_probs: Tensor) -> str:
    """Return the text of greedy search."""
    if not len(log_probs):
        return ""
    (best,) = ctc_greedy_search(log_probs[None], torch.tensor([len(log_probs)]))
    return recognizer.tokenizer.decode(best.tokens)
