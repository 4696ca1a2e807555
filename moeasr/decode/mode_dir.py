"""The directory of one decoding mode: `text`, `nbest.jsonl`, `ctm`, `decode.json` of one run."""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from moeasr.atomic import temporary_directory
from moeasr.decode.hypothesis import Hypothesis, write_nbest
from moeasr.decode.times import Times, as_json, write_ctm
from moeasr.logs import get_logger
from moeasr.strict_json import to_json

logger = get_logger(__name__)


@dataclass(frozen=True)
class ModeResult:
    """The results of one mode on a test set."""

    name: str
    """Name of the directory: the mode, and the chunk size if there is one."""
    nbest: Mapping[str, Sequence[Hypothesis]]
    """Utterance id -> hypotheses, best first; in the order of the file `text`."""
    description: Mapping[str, Any]
    """The content of `decode.json`."""


def mode_dir_name(mode: str, chunk_size: int) -> str:
    """Return `attention`, or `attention_chunk16` if decoded in chunks."""
    return mode if chunk_size == -1 else f"{mode}_chunk{chunk_size}"


def write_mode_dirs(
    out_dir: str | Path,
    results: Sequence[ModeResult],
    to_text: Callable[[Sequence[int]], str],
    to_times: Callable[[Hypothesis], Times | None],
) -> None:
    """Write one directory per mode, replacing older ones whole, their scores included.

    All are complete under temporary names before the first of them is replaced. Several processes
    may write into one `out_dir`; of two that write the same mode, the results of the later one
    stay, whole.

    Args:
        out_dir: Where the directories of the modes lie.
        results: What to write.
        to_text: Token ids -> text.
        to_times: Hypothesis -> when it was said, for `nbest.jsonl` and `ctm`; None if that is not
            known. A mode of whose best hypotheses none has times gets no `ctm`.
    """
    out_dir = Path(out_dir)
    # Two levels above a `text`: no scorer looks there.
    with temporary_directory(out_dir, "decode") as staging:
        for result in results:
            mode_dir = staging / "new" / result.name
            mode_dir.mkdir(parents=True)
            _write_text(mode_dir / "text", result.nbest, to_text)
            write_nbest(mode_dir / "nbest.jsonl", result.nbest, to_text, _timed_entry(to_times))
            _write_times(mode_dir / "ctm", result, to_times)
            description = to_json(result.description, indent=2, ensure_ascii=False)
            (mode_dir / "decode.json").write_text(description + "\n", encoding="utf-8")
        (staging / "old").mkdir()
        for result in results:
            _replace(out_dir / result.name, staging / "new" / result.name, staging / "old")


def _replace(final: Path, new: Path, old: Path) -> None:
    """Put the directory `new` in the place of `final`, which is moved into the directory `old`.

    Another process may put its own there between the two steps: it is then replaced as well.
    """
    for attempt in count():
        with suppress(FileNotFoundError):
            os.replace(final, old / f"{final.name}.{attempt}")
        try:
            os.replace(new, final)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _timed_entry(
    to_times: Callable[[Hypothesis], Times | None],
) -> Callable[[Hypothesis], dict[str, Any]]:
    """Return the function that gives an entry of `nbest.jsonl` its times."""

    def entry(hypothesis: Hypothesis) -> dict[str, Any]:
        times = to_times(hypothesis)
        if times is None:
            return {}
        return {"tokens": as_json(times.tokens), "words": as_json(times.words)}

    return entry


def _write_times(
    path: Path, result: ModeResult, to_times: Callable[[Hypothesis], Times | None]
) -> None:
    """Write the words of the best hypotheses as `ctm`."""
    times = {utt: to_times(nbest[0]) for utt, nbest in result.nbest.items() if nbest}
    missing = [utt for utt, utt_times in times.items() if utt_times is None]
    if len(missing) == len(times):
        return
    if missing:
        logger.warning(
            "%s: %d utterances have more tokens than CTC can align and are not in ctm: %s",
            result.name,
            len(missing),
            " ".join(missing),
        )
    write_ctm(path, {utt: found.words for utt, found in times.items() if found is not None})


def _write_text(
    path: Path,
    nbest: Mapping[str, Sequence[Hypothesis]],
    to_text: Callable[[Sequence[int]], str],
) -> None:
    """Write Kaldi's `text`: `utterance words` lines, the utterance alone if nothing was heard."""
    with open(path, "w", encoding="utf-8") as handle:
        for utt_id, hypotheses in nbest.items():
            best = to_text(hypotheses[0].tokens) if hypotheses else ""
            handle.write(f"{utt_id} {best}".rstrip(" ") + "\n")
