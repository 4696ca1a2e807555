"""Parts of tables (by line or by speaker) and of data directories (split_scp.pl, split_data.sh)."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from moeasr.datadir.raw_tables import Lines, key, label_tables, read_lines, read_utt2spk, show
from moeasr.errors import InputError
from moeasr.kaldi.derive import KNOWN, Pairs, Part, write_parts
from moeasr.kaldi.speak import Say
from moeasr.plurals import counted


def split_evenly(lines: Lines, num_parts: int, source: str) -> list[Lines]:
    """Divide lines into consecutive parts whose sizes differ by at most one, larger ones first.

    Args:
        lines: The lines.
        num_parts: Number of parts.
        source: Origin of the lines, for messages.

    Raises:
        InputError: There are fewer lines than parts.
    """
    size, num_larger = divmod(len(lines), num_parts)
    if size == 0:
        raise InputError(
            f"You are splitting into too many pieces! [reduce $nj ({num_parts}) to be smaller than "
            f"the number of lines ({len(lines)}) in {source}]"
        )
    parts, start = [], 0
    for index in range(num_parts):
        end = start + size + (index < num_larger)
        parts.append(lines[start:end])
        start = end
    return parts


def balance(counts: Sequence[int], num_parts: int) -> list[int]:
    """Divide speakers into consecutive parts with about equally many utterances.

    The algorithm starts with equally many speakers per part. It then moves speakers over each
    boundary as long as this makes the numbers of utterances on its two sides more equal.

    Args:
        counts: Number of utterances of each speaker.
        num_parts: Number of parts, at most the number of speakers.

    Returns:
        The index of each part's first speaker, followed by the number of speakers.
    """
    num_speakers = len(counts)
    # Part p takes the speakers i with floor(i * num_parts / num_speakers) = p.
    starts = [-(-part * num_speakers // num_parts) for part in range(num_parts + 1)]
    sums = [sum(counts[a:b]) for a, b in zip(starts, starts[1:])]

    def move(boundary: int, step: int) -> bool:
        """Move the boundary before part `boundary` by one speaker if that balances its two parts.

        Args:
            boundary: Index of the part after the boundary.
            step: Direction: 1 gives the part's first speaker to the part before it, and -1 takes
                the last speaker of the part before it.

        Returns:
            True if the boundary was moved, because the numbers of utterances of the two parts then
            differ less.
        """
        left, right = boundary - 1, boundary
        speaker = starts[boundary] if step > 0 else starts[boundary] - 1
        if not starts[left] <= speaker < starts[right + 1]:
            return False
        gain = counts[speaker] * step
        if abs(sums[right] - sums[left] - 2 * gain) >= abs(sums[right] - sums[left]):
            return False
        starts[boundary] += step
        sums[left] += gain
        sums[right] -= gain
        return True

    changed = True
    while changed:
        changed = False
        for part in range(num_parts):
            if part < num_parts - 1 and move(part + 1, -1):
                changed = True
            if part > 0 and move(part, 1):
                changed = True
    return starts


def split_by_speaker(
    lines: Lines, utt2spk: dict[bytes, bytes], num_parts: int, source: str
) -> list[Lines]:
    """Divide lines into parts such that no speaker is in two parts.

    Args:
        lines: Lines that begin with an utterance.
        utt2spk: The speaker of each utterance.
        num_parts: Number of parts.
        source: Origin of the lines, for messages.

    Raises:
        InputError: There are fewer speakers than parts, or a line's utterance has no speaker.
    """
    groups: dict[bytes, Lines] = {}
    for number, line in enumerate(lines, start=1):
        if key(line) not in utt2spk:
            raise InputError(f"No utterance {show(key(line))} in utt2spk ({source}, line {number})")
        groups.setdefault(utt2spk[key(line)], []).append(line)
    if len(groups) < num_parts:
        raise InputError(
            f"Refusing to split data because number of speakers {len(groups)} is less than the "
            f"number of output .scp files {num_parts} ({source})"
        )
    by_speaker = list(groups.values())
    starts = balance([len(group) for group in by_speaker], num_parts)
    parts = [
        [line for group in by_speaker[a:b] for line in group] for a, b in zip(starts, starts[1:])
    ]
    for number, part in enumerate(parts, start=1):
        if not part:
            raise InputError(
                f"producing empty .scp file number {number} of {num_parts} from {source} "
                "(too many splits and too few speakers?)"
            )
    return parts


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Lock a directory so that one process at a time splits it, without creating a lock file."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(
            OSError
        ):  # if the file system has no locks, files are still written atomically
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_current(data: Path, parts: Sequence[Path]) -> bool:
    """Return whether the parts have the same files as the directory, and none is older."""
    labels = {name for place in (data, *parts) for name in label_tables(place)}
    for name in (*KNOWN, *labels):
        if name in ("glm", "ctm"):
            continue
        source = data / name
        for part in parts:
            if source.is_file() != (part / name).is_file():
                return False
            if source.is_file() and (part / name).stat().st_mtime < source.stat().st_mtime:
                return False
    return True


def _warn_of_missing(data: Path, num_utts: int, say: Say) -> None:
    for name in ("feats.scp", "text"):
        if (data / name).is_file():
            num_lines = len(read_lines(data / name))
            if num_lines != num_utts:
                say(
                    f"warning: {name} has {counted(num_lines, 'line')}, but utt2spk has "
                    f"{num_utts}; utils/fix_data_dir.sh {data} removes the difference"
                )


def _split_pairs(data: Path, pairs: Pairs, num_parts: int, per_utt: bool) -> list[Pairs]:
    source = str(data / "utt2spk")
    utts, speakers = [utt for utt, _ in pairs], dict(pairs)
    if per_utt:
        parts = split_evenly(utts, num_parts, source)
    else:
        parts = split_by_speaker(utts, speakers, num_parts, source)
    return [[(utt, speakers[utt]) for utt in part] for part in parts]


def split_data(data: Path, num_parts: int, per_utt: bool, say: Say) -> None:
    """Split a data directory into `data/splitN/1` ... `N`, or by utterance `data/splitNutt/...`.

    Nothing is done if the parts exist and are not older than the directory.

    Args:
        data: The data directory.
        num_parts: Number of parts N.
        per_utt: True to divide by utterance instead of by speaker.
        say: Function that receives warnings about tables with another number of lines.

    Raises:
        InputError: There are fewer speakers (or utterances) than parts.
    """
    if num_parts < 1:
        raise InputError(f"Invalid num-split argument {num_parts}")
    if not data.is_dir():
        raise InputError(f"no such directory {data}")
    pairs = read_utt2spk(data)
    _warn_of_missing(data, len(pairs), say)
    folder = data / f"split{num_parts}{'utt' if per_utt else ''}"
    targets = [folder / str(number) for number in range(1, num_parts + 1)]
    with _locked(data):
        if _is_current(data, targets):
            return
        chosen = _split_pairs(data, pairs, num_parts, per_utt)
        written = write_parts(data, [Part(*part) for part in zip(targets, chosen)])
        for target in targets:
            # left from a run when the source had this file
            for name in {*KNOWN, *label_tables(target)} - set(written):
                (target / name).unlink(missing_ok=True)
