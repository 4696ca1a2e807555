"""Batches: several utterances padded to one length."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence

PADDING = 0
"""Fills feats and tokens behind their end. Nothing may depend on it: lengths say what is real."""


@dataclass(frozen=True)
class Example:
    """One utterance.

    Attributes:
        utt_id: Its name.
        feats: (T, F) float32 log mel filter banks, before CMVN.
        tokens: (U,) int64 transcript; U = 0 where there is none.
        language: Its index in the model's languages; None where it has none.
    """

    utt_id: str
    feats: torch.Tensor
    tokens: torch.Tensor
    language: int | None = None


@dataclass(frozen=True)
class Batch:
    """B utterances.

    Attributes:
        utt_ids: Their names.
        feats: (B, T, F) float32, padded.
        feats_lens: (B,) int64 frames.
        tokens: (B, U) int64, padded.
        tokens_lens: (B,) int64.
        languages: (B,) int64, or None where the model has none.
    """

    utt_ids: tuple[str, ...]
    feats: torch.Tensor
    feats_lens: torch.Tensor
    tokens: torch.Tensor
    tokens_lens: torch.Tensor
    languages: torch.Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch with its tensors on `device`."""
        return Batch(
            self.utt_ids,
            self.feats.to(device),
            self.feats_lens.to(device),
            self.tokens.to(device),
            self.tokens_lens.to(device),
            None if self.languages is None else self.languages.to(device),
        )


def collate(examples: Sequence[Example]) -> Batch:
    """Pad `examples`, which are at least one, into a batch in the same order."""
    feats = [example.feats for example in examples]
    tokens = [example.tokens for example in examples]
    languages = [example.language for example in examples if example.language is not None]
    return Batch(
        tuple(example.utt_id for example in examples),
        pad_sequence(feats, batch_first=True, padding_value=PADDING),
        torch.tensor([len(item) for item in feats], dtype=torch.int64),
        pad_sequence(tokens, batch_first=True, padding_value=PADDING),
        torch.tensor([len(item) for item in tokens], dtype=torch.int64),
        torch.tensor(languages, dtype=torch.int64) if languages else None,
    )
