"""A development set for a corpus without one: some speakers of its training set."""

from collections.abc import Sequence
from pathlib import Path

from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError

EVERY = 11
FIRST = 6


def hold_out_speakers(utterances: Sequence[Utterance], root: Path) -> dict[str, list[Utterance]]:
    """Return `train` and `dev`: every eleventh speaker in the order of names, from the sixth on.

    Args:
        utterances: The training set of the corpus.
        root: The directory of the corpus, for the message.

    Raises:
        InputError: There are fewer than six speakers.
    """
    speakers = sorted({utterance.speaker for utterance in utterances})
    held_out = set(speakers[FIRST - 1 :: EVERY])
    if not held_out:
        raise InputError(f"{root}: too few training speakers to set some apart as dev set")
    sets: dict[str, list[Utterance]] = {"train": [], "dev": []}
    for utterance in utterances:
        sets["dev" if utterance.speaker in held_out else "train"].append(utterance)
    return sets
