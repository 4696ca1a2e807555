"""Reader of the lists of AN4: utterances of each set, transcripts and audio files."""

import re
from pathlib import Path

from moeasr.datadir.write import Utterance
from moeasr.errors import InputError
from moeasr.text_lines import read_lines

# `<s> YES </s> (an251-fash-b)` in the train file, `RUBOUT G M E F (an406-fcaw-b)` in the test file.
TRANSCRIPT_LINE = re.compile(r"^(?:<s>\s+)?(?P<words>.*?)\s*(?:</s>\s*)?\((?P<name>[^()\s]+)\)$")
AUDIO_SUFFIXES = (".wav", ".sph")  # the git tree has .wav, the original archive .sph


def read_set(root: Path, name: str) -> list[Utterance]:
    """Read one official set, in the order of utterance ids.

    Only `etc/an4_<name>.fileids` and `etc/an4_<name>.transcription` are read. The public tree also
    has files such as `an4_test.transcription253239`, which belong to other recordings.

    Args:
        root: The `an4` directory, which contains `etc` and `wav`.
        name: "train" or "test".

    Returns:
        The utterances of the set, each with a transcript and an audio file. Words are upper case,
        and spelled letters are words. The speaker is the directory of the audio, such as `fash`.

    Raises:
        InputError: A list is missing or malformed, the two lists name different utterances,
            or an audio file is missing.
    """
    ids_file = root / "etc" / f"an4_{name}.fileids"
    text_file = root / "etc" / f"an4_{name}.transcription"
    words_of = _read_transcripts(text_file)
    utterances = {}
    for number, line in _read_lines(ids_file):
        parts = line.split("/")
        if len(parts) != 3:
            raise InputError(
                f"{ids_file}:{number}: must be <set>/<speaker>/<utterance>, but is '{line}'"
            )
        _, speaker, utt_name = parts
        if utt_name in utterances:
            raise InputError(f"{ids_file}:{number}: utterance {utt_name} is listed twice")
        if utt_name not in words_of:
            raise InputError(f"{ids_file}:{number}: {utt_name} has no transcript in {text_file}")
        audio = _find_audio(root / "wav" / line, f"{ids_file}:{number}")
        words = words_of[utt_name]
        utterances[utt_name] = Utterance(f"{speaker}-{utt_name}", speaker, words, audio)
    for utt_name in words_of:
        if utt_name not in utterances:
            raise InputError(f"{text_file}: {utt_name} has a transcript but is not in {ids_file}")
    return sorted(utterances.values(), key=lambda utterance: utterance.utt_id)


def unlisted_audio(root: Path, utterances: list[Utterance]) -> list[Path]:
    """Return the audio files below `root/wav` without an utterance and thus without transcript."""
    listed = {utterance.entry for utterance in utterances}
    files = (path for path in (root / "wav").rglob("*") if path.suffix in AUDIO_SUFFIXES)
    return sorted(path for path in files if path not in listed)


def _read_transcripts(path: Path) -> dict[str, str]:
    """Read the words of each utterance name in a `.transcription` file."""
    words_of: dict[str, str] = {}
    for number, line in _read_lines(path):
        match = TRANSCRIPT_LINE.match(line)
        if match is None:
            raise InputError(f"{path}:{number}: must be `words (utterance)`, but is '{line}'")
        name, words = match["name"], " ".join(match["words"].split())
        if name in words_of:
            raise InputError(f"{path}:{number}: utterance {name} has two transcripts")
        if not words:
            raise InputError(f"{path}:{number}: utterance {name} has an empty transcript")
        words_of[name] = words
    return words_of


def _read_lines(path: Path) -> list[tuple[int, str]]:
    """Return number and text of the non-empty lines of a list, with LF or CRLF removed."""
    if not path.is_file():
        raise InputError(f"{path} does not exist: is {path.parent.parent} really the AN4 corpus?")
    return [(number, line.strip()) for number, line in read_lines(path) if line.strip()]


def _find_audio(stem: Path, listed_at: str) -> Path:
    """Return the audio file of `stem` (a path without suffix) in either format."""
    for suffix in AUDIO_SUFFIXES:
        path = stem.with_name(stem.name + suffix)
        if path.is_file():
            return path
    raise InputError(f"{listed_at}: neither {stem}.wav nor {stem.name}.sph exists")
