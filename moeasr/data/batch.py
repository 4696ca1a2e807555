"""Batches: several utterances padded to one length."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence

PADDING = 0
"""Value of the padding in feats and tokens. No result may depend on it: use the lengths."""


@dataclass(frozen=True)
class Example:
    """One utterance: its features and transcript, ready for a batch.

    Attributes:
        utt_id: The utterance id.
        feats: (T, F) float32 log mel filter banks, before CMVN.
        tokens: (U,) int64 transcript; U = 0 if there is none.
        language: Index into the model's languages; None if the model has none.
    """

    utt_id: str
    feats: torch.Tensor
    tokens: torch.Tensor
    language: int | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of B utterances.

    Attributes:
        utt_ids: The utterance ids.
        feats: (B, T, F) float32 features, padded.
        feats_lens: (B,) int64 numbers of frames.
        tokens: (B, U) int64 tokens, padded.
        tokens_lens: (B,) int64 numbers of tokens.
        languages: (B,) int64 indices into the model's languages; None if the model has none.
    """

    utt_ids: tuple[str, ...]
    feats: torch.Tensor
    feats_lens: torch.Tensor
    tokens: torch.Tensor
    tokens_lens: torch.Tensor
    languages: torch.Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """Return the same batch with its tensors on `device`."""
        return Batch(
            self.utt_ids,
            self.feats.to(device),
            self.feats_lens.to(device),
            self.tokens.to(device),
            self.tokens_lens.to(device),
            None if self.languages is None else self.languages.to(device),
        )


def collate(examples: Sequence[Example]) -> Batch:
    """Pad at least one example into a batch, in the same order."""
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
