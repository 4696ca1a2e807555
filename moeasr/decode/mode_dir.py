"""The output directory of one decoding mode, with `text`, `nbest.jsonl`, `ctm`, `decode.json`."""

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
from moeasr.plurals import counted
from moeasr.strict_json import to_json

logger = get_logger(__name__)


@dataclass(frozen=True)
class ModeResult:
    """The results of one mode on a test set."""

    name: str
    """Name of the directory: the mode, followed by the chunk size if there is one."""
    nbest: Mapping[str, Sequence[Hypothesis]]
    """Utterance id -> hypotheses, best first; in the order of the file `text`."""
    description: Mapping[str, Any]
    """The content of `decode.json`."""


def mode_dir_name(mode: str, chunk_size: int) -> str:
    """Return the directory name of a mode: `attention`, or `attention_chunk16` with chunks."""
    return mode if chunk_size == -1 else f"{mode}_chunk{chunk_size}"


def write_mode_dirs(
    out_dir: str | Path,
    results: Sequence[ModeResult],
    to_text: Callable[[Sequence[int]], str],
    to_times: Callable[[Hypothesis], Times | None],
) -> None:
    """Write one directory per mode, replacing older directories together with their scores.

    All directories are complete under temporary names before the first one is replaced. Several
    processes may write into one `out_dir`. If two of them write the same mode, the complete
    results of the later process remain.

    Args:
        out_dir: The parent of the directories.
        results: The results to write.
        to_text: Token ids -> text.
        to_times: Hypothesis -> its time stamps for `nbest.jsonl` and `ctm`, None if unknown. A mode
            gets no `ctm` if none of its best hypotheses has time stamps.
    """
    out_dir = Path(out_dir)
    # Scoring looks for `text` directly below `out_dir`, so it never finds the temporary files.
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
    """Move the directory `final` into the directory `old`, and rename `new` to `final`.

    If another process creates `final` between the two steps, that directory is replaced as well.
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
    """Return a function that computes the time stamps in an entry of `nbest.jsonl`."""

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
    spoken = [utt for utt in times if result.nbest[utt][0].tokens]
    if all(times[utt] is None for utt in spoken or times):
        return  # a search without CTC
    if missing:
        logger.warning(
            "%s: %s more tokens than CTC can align (left out of ctm): %s",
            result.name,
            counted(len(missing), "utterance has", "utterances have"),
            " ".join(missing),
        )
    write_ctm(path, {utt: found.words for utt, found in times.items() if found is not None})


def _write_text(
    path: Path,
    nbest: Mapping[str, Sequence[Hypothesis]],
    to_text: Callable[[Sequence[int]], str],
) -> None:
    """Write Kaldi's `text`: lines `utterance words`, only the id if the hypothesis is empty."""
    with open(path, "w", encoding="utf-8") as handle:
        for utt_id, hypotheses in nbest.items():
            best = to_text(hypotheses[0].tokens) if hypotheses else ""
            handle.write(f"{utt_id} {best}".rstrip(" ") + "\n")
