"""How many tokens each transcript of a set has: what CTC needs frames for.

Tokenising a million transcripts takes as long as reading thousands of batches, and every start and
resumption of a training would pay it again. So the counts of large sets are kept in a file beside
`text`, under a digest of all that they depend on: the transcripts and the tokenizer. A file whose
digest is another is written anew.
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
"""Smaller sets are counted in a second."""

UTTS_AT_ONCE = 10_000

_FORMAT = "moeasr-token-counts-1"


class TextEncoder(Protocol):
    """What the data side needs of a tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`; units it does not know become `<unk>`."""
        ...

    def unknown(self, text: str) -> list[str]:
        """The units of `text` that become `<unk>`."""
        ...

    def state(self) -> Mapping[str, Any]:
        """All that the ids depend on."""
        ...


@dataclass(frozen=True)
class TokenCounts:
    """Facts about (N,) transcripts.

    Attributes:
        num_tokens: int32; -1 for a transcript that the tokenizer refuses.
        num_repeats: int32 tokens that equal the one before: CTC parts them by a blank.
        has_unknown: bool, whether `<unk>` is among the tokens.
    """

    num_tokens: np.ndarray
    num_repeats: np.ndarray
    has_unknown: np.ndarray


def count_tokens(texts: Table, tokenizer: TextEncoder) -> TokenCounts:
    """The counts of all transcripts, in the order of the table, perhaps from a file beside it."""
    if len(texts) < CACHED_FROM_UTTS:
        return _Counter(texts, tokenizer).count(range(len(texts)))
    path, digest = texts.path.with_name(CACHE_NAME), _digest(texts, tokenizer)
    counts = _load(path, digest)
    if counts is None:
        counts = _count_in_parallel(texts, tokenizer)
        _save(path, digest, counts)
    return counts


def _count_in_parallel(texts: Table, tokenizer: TextEncoder) -> TokenCounts:
    """By all processors that this process may use, and that its siblings leave to it."""
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
    """Counts tokens of some transcripts."""

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
        pass  # absent or damaged (a bit may say that it is encrypted): it can be made again
    return None


def _save(path: Path, digest: str, counts: TokenCounts) -> None:
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, digest=np.array(digest), **asdict(counts))
    except OSError as error:  # a corpus that belongs to somebody else
        get_logger(__name__).info("token counts are not kept: %s: %s", path, error.strerror)
