"""Reader of the Free Spoken Digit Dataset, whose file names give digit and speaker."""

import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

from moeasr.datadir.write import Utterance
from moeasr.errors import InputError

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[^_\s]+)_(?P<index>[0-9]+)")


class Recording(NamedTuple):
    """A recording of one digit."""

    index: int
    """Index among the speaker's recordings of this digit, which determines the official set."""
    utterance: Utterance
    """Utterance with the id `<speaker>-<digit>-<index>` and the digit as a word."""


def read_recordings(root: Path) -> list[Recording]:
    """Return all recordings of a directory tree, in the order of file names.

    Args:
        root: The directory that contains `recordings`.

    Raises:
        InputError: There are no recordings, a name is not `<digit>_<speaker>_<index>.wav`, or a
            recording is missing. All speakers have the same number of recordings of each digit.
    """
    recordings = []
    found: dict[tuple[str, int], set[int]] = {}
    for audio in sorted((root / "recordings").glob("*.wav")):
        name = NAME.fullmatch(audio.stem)
        if name is None:
            raise InputError(f"{audio}: the name must be <digit>_<speaker>_<index>.wav")
        digit, speaker, index = int(name["digit"]), name["speaker"], int(name["index"])
        utt_id = f"{speaker}-{digit}-{index:02d}"
        recordings.append(Recording(index, Utterance(utt_id, speaker, WORDS[digit], audio)))
        found.setdefault((speaker, digit), set()).add(index)
    if not recordings:
        raise InputError(f"{root} contains no recordings/*.wav")
    indices = set().union(*found.values())
    for speaker, digit in product(sorted({speaker for speaker, _ in found}), {d for _, d in found}):
        if missing := indices - found.get((speaker, digit), set()):
            audio = root / "recordings" / f"{digit}_{speaker}_{min(missing)}.wav"
            raise InputError(
                f"{audio}: no such file ({len(missing)} of the {len(indices)} recordings of "
                f"digit {digit} by {speaker} are missing)"
            )
    return recordings
