"""Writer of a recipe's data directories.

Each one has the tables `wav.scp`, `text`, `utt2spk` and `spk2utt`, and if needed `segments` and
`utt2lang`.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from moeasr.datadir.raw_tables import is_unicode, write_lines
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.fields import is_one_field
from moeasr.plurals import counted

TABLES = ("utt2spk", "wav.scp", "text", "feats.scp")
"""Tables of which a data directory has at least one; a directory without them is not replaced."""


def write_sets(sets: Mapping[str, Iterable[Utterance]], data_dir: Path) -> None:
    """Write `data_dir/<name>` for each set, and print the size of its transcripts.

    Raises:
        InputError: `write_data_dir` fails for a set. The sets before it have been written.
    """
    for name, utterances in sets.items():
        utterances = list(utterances)
        write_data_dir(utterances, data_dir / name)
        words = [word for utterance in utterances for word in utterance.text.split()]
        characters = counted(sum(map(len, words)), "character")
        print(f"{name}: transcripts of {counted(len(words), 'word')} with {characters}")


def write_data_dir(utterances: Iterable[Utterance], directory: Path) -> None:
    """Write the tables of a data directory, replacing its previous content.

    The old directory is removed as a whole, because the features and lists that later stages wrote
    into it belong to the old utterances. The new directory appears only when it is complete.

    Args:
        utterances: The utterances, in any order; each has a speaker. If one of them is a part of
            its recording, the directory has `segments`. If all have a language, it has `utt2lang`.
        directory: The data directory to write.

    Raises:
        InputError: There is no utterance, an id appears twice or is not a single word, a transcript
            has more than one line, a recording has two entries, a file name is not UTF-8, or the
            directory has content without being a data directory.
    """
    utterances = sorted(utterances, key=lambda utterance: utterance.utt_id)
    if not utterances:
        raise InputError(f"{directory}: there are no utterances to write")
    utts_of: dict[str, list[str]] = {}
    seen: set[str] = set()
    for utterance in utterances:
        _check(utterance, seen, directory)
        seen.add(utterance.utt_id)
        utts_of.setdefault(utterance.speaker, []).append(utterance.utt_id)
    tables = {
        **_audio_tables(utterances),
        "text": [f"{utt.utt_id} {utt.text}".rstrip() for utt in utterances],
        "utt2spk": [f"{utt.utt_id} {utt.speaker}" for utt in utterances],
        "spk2utt": [f"{speaker} {' '.join(utts_of[speaker])}" for speaker in sorted(utts_of)],
    }
    if all(utt.language_name is not None for utt in utterances):
        tables["utt2lang"] = [f"{utt.utt_id} {utt.language_name}" for utt in utterances]
    if directory.is_dir() and any(directory.iterdir()) and not _has_tables(directory):
        raise InputError(
            f"{directory} has content, but is not a data directory: it has none of "
            f"{', '.join(TABLES)}; remove it, or write to another directory"
        )
    directory = directory.resolve()  # perhaps behind a link
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, lines in tables.items():
        write_lines(unfinished / name, [line.encode() for line in lines])
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.rename(directory)


def _has_tables(directory: Path) -> bool:
    """Return whether a directory has a table of utterances, and so may be replaced."""
    return any((directory / name).is_file() for name in TABLES)


def _audio_tables(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """Return the lines of `wav.scp`, and of `segments` unless all utterances are recordings."""
    if all(utt.start_sec is None and utt.end_sec is None for utt in utterances):
        return {"wav.scp": [f"{utt.utt_id} {utt.entry}" for utt in utterances]}
    entries: dict[str, str | Path] = {}
    segments = []
    for utt in utterances:
        recording = utt.recording or utt.utt_id
        if str(entries.setdefault(recording, utt.entry)) != str(utt.entry):
            raise InputError(
                f"recording {recording} has the entries {entries[recording]} and {utt.entry}"
            )
        end_sec = -1.0 if utt.end_sec is None else utt.end_sec  # -1 is the end of the recording
        times = f"{_seconds(utt.start_sec or 0.0)} {_seconds(end_sec)}"
        segments.append(f"{utt.utt_id} {recording} {times}")
    wav_scp = [f"{recording} {entries[recording]}" for recording in sorted(entries)]
    return {"wav.scp": wav_scp, "segments": segments}


def _seconds(value: float) -> str:
    """Format a time with microseconds, without trailing zeros."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _check(utterance: Utterance, seen: set[str], directory: Path) -> None:
    """Raise `InputError` if an utterance would make a table malformed."""
    if utterance.utt_id in seen:
        raise InputError(f"{directory}: utterance {utterance.utt_id} appears twice")
    names = {"utterance": utterance.utt_id, "speaker": utterance.speaker}
    if utterance.recording is not None:
        names["recording"] = utterance.recording
    if utterance.language_name is not None:
        names["language"] = utterance.language_name
    for what, name in names.items():
        if not is_one_field(name):
            raise InputError(
                f"{directory}: the {what} id '{name}' ({utterance.entry}) must be one word"
            )
    if not is_unicode(f"{utterance.utt_id} {utterance.entry}"):
        raise InputError(f"{directory}: file name {ascii(str(utterance.entry))} is not valid UTF-8")
    for value in (utterance.text, str(utterance.entry)):
        if "\n" in value or "\r" in value:
            raise InputError(
                f"{directory}: utterance {utterance.utt_id} contains a line break: {value!r}"
            )
