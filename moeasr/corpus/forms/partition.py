"""Sets that a corpus lacks, taken from its training set by speaker."""

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moeasr.corpus.forms.form import Item
from moeasr.corpus.forms.source_files import SETS, UNSPLIT
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.plurals import counted

SHARE, MAX_UTTS = 0.1, 1000

logger = get_logger(__name__)


@dataclass(frozen=True)
class PartitionOptions:
    """The sizes of the sets that the corpus does not define."""

    dev_size: float | None = None
    """Size of the development set: a share of the utterances (below 1) or their number; None is a
    tenth, at most 1000."""
    test_size: float | None = None
    """Size of the test set, given in the same way as `dev_size`."""
    seed: int = 777
    """Seed of the choice of speakers."""


def set_size(text: str) -> float:
    """Return the size of a set that an option gives; a type for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1 and not (value >= 1 and value.is_integer()):
        raise argparse.ArgumentTypeError(
            f"must be a share below 1 or a number of utterances, but is '{text}'"
        )
    return value


def complete_sets(
    sets: Mapping[str, Sequence[Item]], options: PartitionOptions
) -> dict[str, list[Item]]:
    """Return training, development and test set.

    Sets that the corpus defines stay as they are. The others are taken from its training set, or
    from all utterances: whole speakers, or whole recordings where the corpus names no speakers.

    Args:
        sets: The sets that the corpus defines, or `UNSPLIT`.
        options: Sizes and seed.

    Raises:
        InputError: There is nothing to train on, or too little to be split.
    """
    pool = list(sets.get(UNSPLIT) or sets.get("train") or ())
    found = {name: list(sets[name]) for name in SETS[1:] if sets.get(name)}
    if not pool:
        raise InputError("the corpus has no utterances to train on")
    missing = [name for name in SETS[1:] if name not in found]
    if missing:
        groups, by = _groups(pool, len(missing) + 1)
        random.Random(options.seed).shuffle(groups)
        sizes = {"dev": options.dev_size, "test": options.test_size}
        for left, name in zip(range(len(missing), 0, -1), missing):
            taken, groups = _take(groups, _num_wanted(sizes[name], len(pool)), left)
            found[name] = [item for group in taken for item in group]
        logger.info(
            "%s: taken by %s (seed %d) from the training utterances, because the corpus does not "
            "define %s",
            *(" and ".join(missing), by, options.seed, "them" if len(missing) > 1 else "it"),
        )
        pool = [item for group in groups for item in group]
    return {name: {"train": pool, **found}[name] for name in SETS}


def _groups(items: Sequence[Item], num_sets: int) -> tuple[list[list[Item]], str]:
    """Return groups of utterances that must not be divided, and what they have in common."""
    groups: dict[str, list[Item]] = {}
    speakers = {item.speaker for item in items}
    if len(speakers) >= num_sets and None not in speakers:
        by = "speaker"
        keys = [str(item.speaker) for item in items]
    else:
        by = "recording"
        keys = [str(item.audio) for item in items]
        why = f"has only {counted(len(speakers), 'speaker')}, too few for a split by speaker"
        if None in speakers:
            why = "does not name the speaker of every utterance"
        logger.warning(
            "the corpus %s; it is split by recording, and a speaker may be in several sets", why
        )
    for key, item in zip(keys, items):
        groups.setdefault(key, []).append(item)
    if len(groups) < num_sets:
        recordings = counted(len(groups), "recording")
        raise InputError(f"the corpus has {recordings}, too few for {num_sets} sets")
    return [groups[key] for key in sorted(groups)], by


def _num_wanted(size: float | None, num_utts: int) -> int:
    if size is None:
        return min(MAX_UTTS, max(1, round(SHARE * num_utts)))
    return int(size) if size >= 1 else max(1, round(size * num_utts))


def _take(
    groups: list[list[Item]], num_wanted: int, num_left: int
) -> tuple[list[list[Item]], list[list[Item]]]:
    """Choose groups with at most `num_wanted` utterances in total, and return also the others.

    A group that would exceed this number is skipped. If all groups do, the smallest one is chosen.
    At least `num_left` groups are left for the other sets.
    """
    taken: list[int] = []
    count = 0
    for index, group in enumerate(groups):
        if count + len(group) <= num_wanted and len(groups) - len(taken) > num_left:
            taken.append(index)
            count += len(group)
    if not taken:
        taken = [min(range(len(groups)), key=lambda index: len(groups[index]))]
    chosen = set(taken)
    rest = [group for index, group in enumerate(groups) if index not in chosen]
    return [groups[index] for index in taken], rest
