"""The hypotheses that a search returns for an utterance, and the n-best file `nbest.jsonl`."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.strict_json import to_json


class PartialUnits(NamedTuple):
    """The units recognised so far in a stream that has not ended."""

    stable: tuple[int, ...]
    """Units that later frames cannot change."""
    undecided: tuple[int, ...]
    """Further units of the best hypothesis, which may still change."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """One recognised unit sequence. All scores are natural logarithms of probabilities."""

    tokens: tuple[int, ...]
    """Unit ids, without blank and without <sos/eos>."""

    score: float
    """Score by which the n-best list is sorted in descending order; each search defines it."""

    ctc_score: float | None = None
    """CTC score before weighting; None if the search did not use CTC."""

    attention_score: float | None = None
    """Score of the attention decoder, including <sos/eos>; None if the search used no decoder."""

    fusion_score: float | None = None
    """Weighted score of language model and boosted phrases; None if the search used neither."""

    frames: tuple[int, ...] | None = None
    """Encoder frame in which each token is most probable; None if the hypothesis has no CTC
    alignment."""

    spans: tuple[tuple[int, int], ...] | None = None
    """First frame of each token's run on the CTC alignment, and the frame after its last; None if
    the hypothesis has no CTC alignment."""

    token_confidence: tuple[float, ...] | None = None
    """Posterior of each token. It comes from the attention decoders, as the mean of both directions
    (as in WeNet), or from CTC at `frames` if the search used no decoder. None if not computed."""

    @property
    def confidence(self) -> float | None:
        """Mean posterior exp(s / (U + 1)) of the U tokens and the end (as in WeNet).

        s is the attention score, or the CTC score if the search used no decoder.
        """
        log_prob = self.ctc_score if self.attention_score is None else self.attention_score
        return None if log_prob is None else math.exp(log_prob / (len(self.tokens) + 1))


def write_nbest(
    path: str | Path,
    nbest: Mapping[str, Sequence[Hypothesis]],
    to_text: Callable[[Sequence[int]], str],
    more: Callable[[Hypothesis], Mapping[str, Any]],
) -> None:
    """Write one JSON line per utterance: `{"utt_id": ..., "nbest": [{"text", "score", ...}]}`.

    Args:
        path: The file, which appears when it is complete.
        nbest: Utterance id -> hypotheses, best first.
        to_text: Token ids -> text (`Tokenizer.decode`).
        more: Hypothesis -> further keys of its entry, such as times.
    """
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        for utt_id, hypotheses in nbest.items():
            entries = [
                {
                    "text": to_text(hypothesis.tokens),
                    "score": hypothesis.score,
                    "ctc_score": hypothesis.ctc_score,
                    "attention_score": hypothesis.attention_score,
                    "fusion_score": hypothesis.fusion_score,
                    "confidence": hypothesis.confidence,
                    **more(hypothesis),
                }
                for hypothesis in hypotheses
            ]
            line = to_json({"utt_id": utt_id, "nbest": entries}, ensure_ascii=False)
            handle.write(line + "\n")


def read_nbest(path: str | Path) -> dict[str, list[dict[str, Any]]]:
    """Read a file written by `write_nbest`: utterance id -> its entries, best first.

    Raises:
        InputError: The file is missing, or a line is not a valid entry.
    """
    try:
        with open(path, encoding="utf-8") as handle:
            return dict(_entries(handle, path))
    except FileNotFoundError:
        raise InputError(f"n-best file {path} does not exist") from None
    except UnicodeDecodeError:
        raise InputError(f"n-best file {path} is not UTF-8") from None


def _entries(lines: Iterable[str], path: str | Path) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            utt_id, nbest = record["utt_id"], record["nbest"]
            if not isinstance(utt_id, str) or not isinstance(nbest, list):
                raise ValueError
            yield utt_id, nbest
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                f"{path}:{number}: must be a JSON object with `utt_id` and `nbest`"
            ) from None
