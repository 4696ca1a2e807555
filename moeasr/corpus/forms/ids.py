"""Ids of utterances, speakers and recordings, made from the names that a corpus uses."""

import re
import zlib
from collections.abc import Iterable, Mapping

from moeasr.corpus.forms.form import Item
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError

MAX_SPEAKER = 40
"""Number of characters of a speaker's name that ids contain."""
_NOT_IN_IDS = re.compile(r"[\s/\x00-\x1f\x7f]+")
_NOT_IN_SPEAKERS = re.compile(r"[\s/\x00-\x2d\x7f]+")
"""Pattern of characters that a speaker id must not contain: all up to `-` in the order of sorting.
In an utterance id, `-` separates the speaker from the rest. If speaker ids had characters that sort
before it, sorting by utterance would not also sort by speaker, as Kaldi requires."""


def with_ids(sets: Mapping[str, Iterable[Item]], keep: bool = False) -> dict[str, list[Utterance]]:
    """Return the utterances of each set with their ids, each of which begins with the speaker.

    Spaces in names become `_`. Where the corpus names no speaker, each utterance has its own.

    Args:
        sets: Utterances whose audio is an entry of wav.scp.
        keep: True if the names are ids already and must not change.

    Raises:
        InputError: Two utterances, two speakers or two recordings get the same id.
    """
    sets = {name: list(items) for name, items in sets.items()}
    has_speakers = any(item.speaker is not None for items in sets.values() for item in items)
    made: dict[str, list[Utterance]] = {}
    for name, items in sets.items():
        made[name] = []
        utterances, speakers = _Names("utterance"), _Names("speaker")
        recordings = _Names("recording")
        for item in items:
            utt_id, speaker = _ids(item, has_speakers, keep)
            utterances.add(utt_id, None, item.where)
            speakers.add(speaker, item.speaker or item.name, item.where)
            recording = None
            if item.recording is not None:
                recording = item.recording if keep else _NOT_IN_IDS.sub("_", item.recording)
                recordings.add(recording, str(item.audio), item.where)
            made[name].append(
                Utterance(
                    utt_id,
                    speaker,
                    item.text,
                    item.audio,
                    item.start_sec,
                    item.end_sec,
                    recording=recording,
                    language_name=_language(item.language),
                )
            )
    return made


def _ids(item: Item, has_speakers: bool, keep: bool) -> tuple[str, str]:
    """Return the ids of utterance and speaker."""
    if keep and item.speaker is not None:
        return item.name, item.speaker
    name = _NOT_IN_IDS.sub("_", item.name.strip())
    if item.speaker is None:
        speaker = _NOT_IN_SPEAKERS.sub("_", name) if has_speakers else name
        return speaker, speaker
    speaker = _NOT_IN_SPEAKERS.sub("_", _shortened(item.speaker.strip()))
    return name if name.startswith(f"{speaker}-") else f"{speaker}-{name}", speaker


def _language(name: str | None) -> str | None:
    """Return the name of a language as one word."""
    return None if name is None else _NOT_IN_IDS.sub("_", name.strip()) or None


def _shortened(speaker: str) -> str:
    """Return the name of a speaker; a long one, such as a hash of 128 digits, is cut.

    The ids of all utterances contain the name. A checksum distinguishes names that begin alike.
    """
    if len(speaker) <= MAX_SPEAKER:
        return speaker
    return f"{speaker[:16]}_{zlib.crc32(speaker.encode()):08x}"


class _Names:
    """The ids of one kind, such as speakers, with the names from which they were made."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._known: dict[str, tuple[str | None, str]] = {}

    def add(self, id_: str, name: str | None, where: str) -> None:
        """Register an id, or raise `InputError` if it was made from another name.

        Args:
            id_: The id.
            name: The name from which it was made. None differs from every name, so that the id
                must be new.
            where: File and line, for messages.
        """
        known_name, known_where = self._known.get(id_, (name, None))
        if known_where is not None and (name is None or known_name != name):
            raise InputError(f"{where}: {self._kind} '{id_}' appears twice (first: {known_where})")
        self._known.setdefault(id_, (name, where))
