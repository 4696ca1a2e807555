"""Batches: several utterances padded to one length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn.utils.rnn import pad_sequence

from moeasr.plurals import counted

PADDING = 0
"""Value of the padding in feats and tokens. No result may depend on it: use the lengths."""


@dataclass(frozen=True)
class Example:
    """One utterance: its features and transcript, ready for a batch.

    Attributes:
        utt_id: The utterance id.
        feats: (T, F) float32 log mel filter banks, before CMVN.
        tokens: (U,) int64 transcript; U = 0 if there is none.
        language: Index into the model's languages or other labels; None if the model has none.
        second_view: (T, F) float32 the same features under other masks; None for one view.
    """

    utt_id: str
    feats: torch.Tensor
    tokens: torch.Tensor
    language: int | None = None
    second_view: torch.Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of B utterances.

    With two views, B is twice the number of utterances: the rows are the first views of all
    utterances, then their second views in the same order.

    Attributes:
        utt_ids: The utterance ids.
        feats: (B, T, F) float32 features, padded.
        feats_lens: (B,) int64 numbers of frames.
        tokens: (B, U) int64 tokens, padded.
        tokens_lens: (B,) int64 numbers of tokens.
        languages: (B,) int64 indices into the model's languages or other labels; None if the model
            has none.
        num_views: Number of differently masked views of each utterance, 1 or 2.
    """

    utt_ids: tuple[str, ...]
    feats: torch.Tensor
    feats_lens: torch.Tensor
    tokens: torch.Tensor
    tokens_lens: torch.Tensor
    languages: torch.Tensor | None = None
    num_views: int = 1

    @property
    def num_frames(self) -> int:
        """Number of frames, padding included."""
        return self.feats.shape[0] * self.feats.shape[1]

    def describe_size(self) -> str:
        """Return the size of the batch, for messages."""
        utterances = counted(len(set(self.utt_ids)), "utterance")
        tokens = counted(int(self.tokens_lens.sum()) // self.num_views, "token")
        return f"{utterances}, {self.num_frames} frames with padding, {tokens}"

    def describe(self) -> str:
        """Return the size of the batch and the ids of its utterances, for messages."""
        return f"{self.describe_size()}: {' '.join(dict.fromkeys(self.utt_ids))}"

    def to(self, device: torch.device | str) -> "Batch":
        """Return the same batch with its tensors on `device`."""
        return Batch(
            self.utt_ids,
            self.feats.to(device),
            self.feats_lens.to(device),
            self.tokens.to(device),
            self.tokens_lens.to(device),
            None if self.languages is None else self.languages.to(device),
            self.num_views,
        )


def collate(examples: Sequence[Example]) -> Batch:
    """Pad at least one example into a batch, in the same order.

    Second views, which all examples have or none, follow the first views.
    """
    num_utts = len(examples)
    second = [replace(e, feats=e.second_view) for e in examples if e.second_view is not None]
    examples = [*examples, *second]
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
        len(examples) // num_utts,
    )
