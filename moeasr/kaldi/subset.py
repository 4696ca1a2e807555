"""Subsets of the utterances of a data directory (subset_data_dir.sh)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from moeasr.datadir.raw_tables import keys, read_lines, read_map, read_utt2spk, show
from moeasr.errors import InputError
from moeasr.kaldi.derive import Pairs, Part, move_stale, require_source, write_parts
from moeasr.kaldi.shuffle import shuffled
from moeasr.kaldi.speak import Say

Item = TypeVar("Item")
How = Literal["spread", "first", "last", "shortest", "per-spk", "speakers"]


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Choose items evenly: half of them from each half of the list, recursively.

    The halves are rounded as in Kaldi, so that the same items are chosen.
    """
    if count == 0:
        return []
    if count == len(items):
        return list(items)
    middle = len(items) // 2
    return spread(items[:middle], count // 2) + spread(items[middle:], count - count // 2)


def shortest(source: Path, pairs: Pairs, count: int) -> Pairs:
    """Choose the `count` shortest utterances, and return them in the order of `pairs`.

    Lengths come from utt2num_frames or, if it does not exist, from utt2dur.
    """
    for name in ("utt2num_frames", "utt2dur"):
        if (source / name).is_file():
            break
    else:
        raise InputError(
            f"--shortest needs utt2num_frames or utt2dur, but neither exists in {source}"
        )
    lengths = {}
    for utt, value in read_map(source / name).items():
        try:
            lengths[utt] = float(value)
        except ValueError:
            lengths[utt] = math.nan
        if not lengths[utt] >= 0:
            raise InputError(f"{source / name}: invalid length '{show(value)}' of {show(utt)}")
    known = [pair for pair in pairs if pair[0] in lengths]
    if len(known) < count:
        raise InputError(f"{source / name}: contains only {len(known)} of {len(pairs)} utterances")
    wanted = set(sorted(known, key=lambda pair: (lengths[pair[0]], pair[0]))[:count])
    return [pair for pair in pairs if pair in wanted]


def by_speaker(pairs: Pairs) -> dict[bytes, Pairs]:
    """Group utterances by speaker, in order of first occurrence."""
    groups: dict[bytes, Pairs] = {}
    for pair in pairs:
        groups.setdefault(pair[1], []).append(pair)
    return groups


def choose(source: Path, pairs: Pairs, count: int, how: How) -> Pairs:
    """Choose `count` utterances in one of six ways.

    Args:
        source: The data directory, from which lengths are read.
        pairs: All utterances of the directory.
        count: Number of utterances to choose: per speaker with `per-spk`, and at least this number
            with `speakers`.
        how: Evenly from all utterances (`spread`), or as `moeasr subset-data-dir --help` says.
    """
    if how == "first":
        return pairs[:count]
    if how == "last":
        return pairs[len(pairs) - count :]
    if how == "shortest":
        return shortest(source, pairs, count)
    if how == "spread":
        return spread(pairs, count)
    groups = by_speaker(pairs)
    chosen: Pairs = []
    if how == "per-spk":
        for group in groups.values():
            step = max(1, len(group) // count)
            chosen += group[::step][:count]
    else:
        for speaker in shuffled(list(groups)):
            if len(chosen) < count:
                chosen += groups[speaker]
    wanted = set(chosen)
    return [pair for pair in pairs if pair in wanted]


def write_subset(source: Path, target: Path, pairs: Pairs, total: int, say: Say) -> None:
    """Write the chosen utterances, and print their number and that of all utterances."""
    written = write_parts(source, [Part(target, pairs)])
    move_stale(source, target, written, say)
    say(f"reducing #utt from {total} to {len(pairs)}")


def subset_by_count(source: Path, target: Path, count: int, how: How, say: Say) -> None:
    """Write a data directory with a number of utterances of another directory.

    Raises:
        InputError: The source has fewer utterances, or no lengths for `shortest`.
    """
    require_source(source, target)
    pairs = read_utt2spk(source)
    if count > len(pairs):
        raise InputError(
            "cannot subset to more utterances than you originally had. "
            f"({count} > {len(pairs)} in {source})"
        )
    if count < 1:
        raise InputError(f"cannot subset to {count} utterances")
    write_subset(source, target, choose(source, pairs, count, how), len(pairs), say)


def subset_by_list(source: Path, target: Path, wanted: Path, key_field: int, say: Say) -> None:
    """Write the part of a data directory whose utterances or speakers are listed in a file.

    Args:
        source: A data directory.
        target: The directory to write.
        wanted: A file whose first fields are ids.
        key_field: 0 if the ids are utterances, 1 if they are speakers.
        say: Function that receives messages about the progress.

    Raises:
        InputError: The list is missing, has an empty line, or names no id of the source.
    """
    require_source(source, target)
    ids = keys(read_lines(wanted))
    if b"" in ids:
        raise InputError(f"{wanted}, line {ids.index(b'') + 1}: is empty")
    pairs = read_utt2spk(source)
    id_set = set(ids)
    kept = [pair for pair in pairs if pair[key_field] in id_set]
    if not kept:
        raise InputError(f"{source / 'utt2spk'} contains none of the ids listed in {wanted}")
    write_subset(source, target, kept, len(pairs), say)
