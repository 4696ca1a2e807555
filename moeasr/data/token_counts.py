"""The number of tokens in each transcript of a set, for which CTC needs frames.

Tokenizing a million transcripts takes as long as reading thousands of batches, and would be
repeated whenever a training starts or resumes. The counts of large sets are therefore cached in a
file next to `text`, with a digest of the transcripts and the tokenizer. If the digest differs, the
file is written again.
"""

import hashlib
import operator
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from moeasr import distributed
from moeasr.atomic import atomic_path
from moeasr.data.background import in_background
from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.logs import get_logger, progress
from moeasr.text.dictionary import UNK_ID

CACHE_NAME = ".token_counts.npz"
CACHED_FROM_UTTS = 50_000
"""Size of the smallest set whose counts are cached. Smaller sets are counted in a second."""

UTTS_AT_ONCE = 10_000

_FORMAT = "moeasr-token-counts-1"


class TextEncoder(Protocol):
    """The part of a tokenizer's interface that `moeasr.data` uses."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`; unknown units become `<unk>`."""
        ...

    def unknown(self, text: str) -> list[str]:
        """Return the units of `text` that become `<unk>`."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Return everything on which the token ids depend."""
        ...


@dataclass(frozen=True)
class TokenCounts:
    """Token counts of N transcripts.

    Attributes:
        num_tokens: (N,) int32 numbers of tokens; -1 for a transcript that the tokenizer rejects.
        num_repeats: (N,) int32 numbers of tokens that equal the previous token. CTC needs a blank
            between two equal tokens.
        has_unknown: (N,) bool, whether `<unk>` is among the tokens.
    """

    num_tokens: np.ndarray
    num_repeats: np.ndarray
    has_unknown: np.ndarray


def count_tokens(texts: Table, tokenizer: TextEncoder) -> TokenCounts:
    """Return the counts of all transcripts, in the order of the table; large sets are cached."""
    if len(texts) < CACHED_FROM_UTTS:
        return _Counter(texts, tokenizer).count(range(len(texts)))
    path, digest = texts.path.with_name(CACHE_NAME), _digest(texts, tokenizer)
    counts = _load(path, digest)
    if counts is None:
        counts = _count_in_parallel(texts, tokenizer)
        _save(path, digest, counts)
    return counts


def _count_in_parallel(texts: Table, tokenizer: TextEncoder) -> TokenCounts:
    """Count tokens on this process's share of the available processors."""
    num_workers = len(os.sched_getaffinity(0)) // distributed.world_size()
    starts = range(0, len(texts), UTTS_AT_ONCE)
    pieces = [range(start, min(start + UTTS_AT_ONCE, len(texts))) for start in starts]
    count = _Counter(texts, tokenizer).count
    parts = in_background(count, pieces, num_workers if num_workers > 1 else 0)
    found = list(progress(parts, "counting tokens", len(pieces), "parts"))
    columns = ([getattr(part, name) for part in found] for name in TokenCounts.__annotations__)
    return TokenCounts(*map(np.concatenate, columns))


@dataclass(frozen=True)
class _Counter:
    """A picklable counter of the tokens in each of some transcripts, for background processes."""

    texts: Table
    tokenizer: TextEncoder

    def count(self, rows: range) -> TokenCounts:
        num_tokens, num_repeats = np.zeros((2, len(rows)), dtype=np.int32)
        has_unknown = np.zeros(len(rows), dtype=bool)
        for place, row in enumerate(rows):
            try:
                token_ids = self.tokenizer.encode(self.texts[row][1])
            except InputError:
                num_tokens[place] = -1
                continue
            num_tokens[place] = len(token_ids)
            num_repeats[place] = sum(map(operator.eq, token_ids, token_ids[1:]))
            has_unknown[place] = UNK_ID in token_ids
        return TokenCounts(num_tokens, num_repeats, has_unknown)


def _digest(texts: Table, tokenizer: TextEncoder) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {sorted(tokenizer.state().items())}".encode())
    for block in texts.blocks():
        digest.update(block)
    return digest.hexdigest()


def _load(path: Path, digest: str) -> TokenCounts | None:
    try:
        with np.load(path, allow_pickle=False) as content:
            if str(content["digest"]) == digest:
                return TokenCounts(**{name: content[name] for name in TokenCounts.__annotations__})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile):
        pass  # missing or damaged (zip reports a flipped bit as encryption): it is written again
    return None


def _save(path: Path, digest: str, counts: TokenCounts) -> None:
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, digest=np.array(digest), **asdict(counts))
    except OSError as error:  # the corpus may be read-only for this user
        get_logger(__name__).info("cannot cache token counts in %s: %s", path, error.strerror)
