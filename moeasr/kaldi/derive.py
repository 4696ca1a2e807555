"""Data directories derived from another one: copies, parts, and copies with other ids."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from moeasr.datadir.raw_tables import (
    BY_RECORDING,
    BY_SPEAKER,
    BY_UTTERANCE,
    OF_FEATURES,
    WHOLE,
    Lines,
    key,
    label_tables,
    read_lines,
    read_utt2spk,
    rename,
    segment_recordings,
    spk2utt_of,
    write_lines,
    write_utt2spk,
)
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say

KNOWN = ("utt2spk", "spk2utt", *BY_UTTERANCE, *BY_SPEAKER, *BY_RECORDING, *WHOLE)
Pairs = list[tuple[bytes, bytes]]
"""Pairs (utterance, speaker), in order."""


def require_source(source: Path, target: Path) -> None:
    """Raise `InputError` unless the source exists and differs from the target."""
    if not (source / "utt2spk").is_file():
        raise InputError(f"no such file {source / 'utt2spk'}")
    if target.resolve() == source.resolve():
        raise InputError(f"this script requires <srcdir> and <destdir> to be different: {source}")


def require_outside(source: Path, target: Path) -> None:
    """Raise `InputError` if a target, which is replaced as a whole, contains the source."""
    if target.resolve() in source.resolve().parents:
        raise InputError(f"the destination {target} contains the source {source}")


def move_stale(source: Path, target: Path, written: Iterable[str], say: Say) -> None:
    """Move known files of the target that this derivation did not write to its .backup.

    Such files come from an earlier run with other data, and would contradict the new files.
    """
    written = set(written)
    for name in (*KNOWN, *label_tables(target)):
        if (target / name).is_file() and name not in written:
            backup = target / ".backup"
            say(
                f"file {name} exists in dest {target} but not in src {source}.  Moving it to\n"
                f" ... {backup / name}"
            )
            (backup / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).replace(backup / name)


def copy_whole(source: Path, target: Path, names: Iterable[str]) -> list[str]:
    """Copy the named files that exist, and return their names."""
    present = [name for name in names if (source / name).is_file()]
    for name in present:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    return present


class Part(NamedTuple):
    """Some utterances of a data directory, and the directory to which they are written."""

    target: Path
    pairs: Pairs


def write_parts(source: Path, parts: Sequence[Part]) -> list[str]:
    """Write parts of a data directory, each with the table lines of its utterances.

    Args:
        source: A data directory.
        parts: The parts; a speaker or recording may be in several of them.

    Returns:
        Names of the written files.
    """
    utts = _numbers_by_id([utt for utt, _ in part.pairs] for part in parts)
    speakers = _numbers_by_id({speaker for _, speaker in part.pairs} for part in parts)
    recordings = utts
    for part in parts:
        write_lines(part.target / "utt2spk", [utt + b" " + spk for utt, spk in part.pairs])
        write_lines(part.target / "spk2utt", spk2utt_of(part.pairs))
    written = ["utt2spk", "spk2utt"]
    path = source / "segments"
    if path.is_file():
        divided = _divide(read_lines(path), utts, len(parts))
        recordings = _numbers_by_id(segment_recordings(lines, path) for lines in divided)
    by_utt = (*BY_UTTERANCE, *label_tables(source))
    wanted = [(by_utt, utts), (BY_SPEAKER, speakers), (BY_RECORDING, recordings)]
    for names, numbers in [*wanted, (("stm",), recordings)]:
        for name in names:
            if not (source / name).is_file():
                continue
            lines = read_lines(source / name)
            # The comments of an stm define the categories that sclite reports.
            comments = [line for line in lines if line.startswith(b";;")] if name == "stm" else []
            for part, chosen in zip(parts, _divide(lines, numbers, len(parts))):
                write_lines(part.target / name, comments + chosen)
            written.append(name)
    for part in parts:
        copy_whole(source, part.target, OF_FEATURES)
    return written + [name for name in OF_FEATURES if (source / name).is_file()]


def _numbers_by_id(ids_of_parts: Iterable[Iterable[bytes]]) -> dict[bytes, tuple[int, ...]]:
    """Return the numbers, from 0, of the parts that contain each id."""
    numbers: dict[bytes, tuple[int, ...]] = {}
    for number, ids in enumerate(ids_of_parts):
        alone = (number,)  # all ids of a part share this object, which saves memory
        for name in ids:
            others = numbers.get(name)
            if others is None:
                numbers[name] = alone
            elif others[-1] != number:
                numbers[name] = (*others, number)
    return numbers


def _divide(lines: Lines, numbers: Mapping[bytes, tuple[int, ...]], num_parts: int) -> list[Lines]:
    """Return the lines of each part, given the numbers of the parts that contain each id."""
    divided: list[Lines] = [[] for _ in range(num_parts)]
    for line in lines:
        for number in numbers.get(key(line), ()):
            divided[number].append(line)
    return divided


def write_renamed(
    source: Path,
    target: Path,
    names: Iterable[str],
    new_utt: Callable[[bytes], bytes],
    new_spk: Callable[[bytes], bytes],
    new_reco: Callable[[bytes], bytes],
) -> list[str]:
    """Copy tables of a data directory with new ids, and sort them.

    Args:
        source: A data directory.
        target: The directory to which the tables are written.
        names: Names of the tables to copy if they exist, in addition to utt2spk and spk2utt.
        new_utt: Utterance -> its new id.
        new_spk: Speaker -> its new id.
        new_reco: Recording -> its new id; not used if utterances are recordings.

    Returns:
        Names of the written files.

    Raises:
        InputError: utt2spk is missing or malformed, or a line of segments is malformed.
    """
    has_segments = (source / "segments").is_file()
    if has_segments:
        segment_recordings(read_lines(source / "segments"), source / "segments")  # may raise
    pairs = [(new_utt(utt), new_spk(speaker)) for utt, speaker in read_utt2spk(source)]
    write_utt2spk(target, pairs)
    written = ["utt2spk", "spk2utt"]
    for name in names:
        if not (source / name).is_file():
            continue
        new_name = new_utt
        if name in BY_SPEAKER:
            new_name = new_spk
        elif name in BY_RECORDING and has_segments:
            new_name = new_reco
        lines = rename(read_lines(source / name), new_name)
        if name == "segments":
            lines = [_rename_recording(line, new_reco) for line in lines]
        write_lines(target / name, lines)
        written.append(name)
    return written


def _rename_recording(line: bytes, new_reco: Callable[[bytes], bytes]) -> bytes:
    utt, recording, *times = line.split()
    return b" ".join([utt, new_reco(recording), *times])


def write_utt2uniq(source: Path, target: Path, new_utt: Callable[[bytes], bytes]) -> None:
    """Write utt2uniq, which maps each renamed utterance to its original."""
    if (source / "utt2uniq").is_file():
        write_lines(target / "utt2uniq", rename(read_lines(source / "utt2uniq"), new_utt))
        return
    utts = [key(line) for line in read_lines(source / "utt2spk")]
    write_lines(target / "utt2uniq", sorted(new_utt(utt) + b" " + utt for utt in utts))
