"""Read the Free Spoken Digit Dataset: the names of its files say who speaks which digit."""

import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

from moeasr.datadir.write import Utterance
from moeasr.errors import InputError

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[^_\s]+)_(?P<index>[0-9]+)")


class Recording(NamedTuple):
    """One digit, said once."""

    index: int
    """Which of the speaker's recordings of this digit; the official sets go by it."""
    utterance: Utterance
    """Its id is `<speaker>-<digit>-<index>`, its text the digit as a word."""


def read_recordings(root: Path) -> list[Recording]:
    """All recordings of a tree, in the order of file names.

    Args:
        root: The directory with `recordings` in it.

    Raises:
        InputError: There are none, one is not named `<digit>_<speaker>_<index>.wav`, or one is
            missing: all speakers have recorded all digits equally often.
    """
    recordings = []
    found: dict[tuple[str, int], set[int]] = {}
    for audio in sorted((root / "recordings").glob("*.wav")):
        name = NAME.fullmatch(audio.stem)
        if name is None:
            raise InputError(f"{audio}: the name is not <digit>_<speaker>_<index>.wav")
        digit, speaker, index = int(name["digit"]), name["speaker"], int(name["index"])
        utt_id = f"{speaker}-{digit}-{index:02d}"
        recordings.append(Recording(index, Utterance(utt_id, speaker, WORDS[digit], audio)))
        found.setdefault((speaker, digit), set()).add(index)
    if not recordings:
        raise InputError(f"{root}: there is no recordings/*.wav")
    indices = set().union(*found.values())
    for speaker, digit in product(sorted({speaker for speaker, _ in found}), {d for _, d in found}):
        if missing := indices - found.get((speaker, digit), set()):
            audio = root / "recordings" / f"{digit}_{speaker}_{min(missing)}.wav"
            raise InputError(
                f"{audio}: no such file ({len(missing)} of the {len(indices)} recordings of "
                f"digit {digit} by {speaker} are missing)"
            )
    return recordings
