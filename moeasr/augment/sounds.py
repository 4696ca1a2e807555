"""Recordings of noise, of talkers or of rooms, in a directory or in a Kaldi data directory."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from moeasr.audio.command_notice import command_notice
from moeasr.audio.decoded import READ_HERE
from moeasr.audio.duration import measure_audio, segment_length
from moeasr.audio.file import read_segment
from moeasr.audio.input_paths import audio_files_below
from moeasr.audio.probe import AudioInfo
from moeasr.audio.recording import RecordingReader, resample
from moeasr.audio.threads import in_threads
from moeasr.augment.mixing import fit_length
from moeasr.datadir.utterances import Utterance, open_recordings
from moeasr.errors import InputError, naming
from moeasr.fields import SPACES
from moeasr.logs import get_logger
from moeasr.text_lines import read_lines

logger = get_logger(__name__)

Content = Literal["noise", "speech", "rooms"]
"""The content of the recordings that an augmentation needs."""
MUSAN = ("music", "noise", "speech")
"""The directories of the corpus MUSAN."""
LISTS = {"noise": "noise_list", "rooms": "rir_list"}
"""Names of the files of RIRS_NOISES that list noises and impulse responses."""
NUM_THREADS = 8
FIRST_CHANNEL = 1
"""The channel that is read. The mean over the microphones of an array would be filtered."""


class Sound(NamedTuple):
    """A recording or a segment of it, and its length."""

    place: Utterance
    num_samples: int
    rate_hz: int


class Sounds:
    """The recordings of a source.

    Args:
        sounds: The recordings.
        rate_hz: The sample rate at which they are returned, Hz.
        has_entries: True if the places of the recordings are entries of a wav.scp, False if they
            are paths.
    """

    def __init__(self, sounds: Sequence[Sound], rate_hz: int, has_entries: bool) -> None:
        self._sounds = sounds
        self._rate_hz = rate_hz
        self._reader = RecordingReader(FIRST_CHANNEL) if has_entries else None

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self._sounds)

    def longest(self) -> Sound:
        """Return the longest recording."""
        return max(self._sounds, key=lambda sound: sound.num_samples / sound.rate_hz)

    def read(self, number: int) -> Tensor:
        """Return the (S,) samples of a whole recording.

        Raises:
            InputError: The recording cannot be read.
        """
        return self._read(self._sounds[number], 0, self._sounds[number].num_samples)

    def excerpt(self, num_samples: int, rng: np.random.Generator) -> Tensor:
        """Return `num_samples` successive samples from a random position of a random recording.

        Recordings that are too short are repeated.

        Raises:
            InputError: The recording cannot be read.
        """
        sound = self._sounds[int(rng.integers(len(self._sounds)))]
        needed = math.ceil(num_samples * sound.rate_hz / self._rate_hz)
        start = int(rng.integers(max(sound.num_samples - needed, 0) + 1))
        end = min(start + needed, sound.num_samples)
        return fit_length(self._read(sound, start, end), num_samples, rng)

    def _read(self, sound: Sound, start: int, end: int) -> Tensor:
        entry, start_sec, _ = sound.place.audio_span
        start_sec = start_sec or 0.0
        times = start_sec + start / sound.rate_hz, start_sec + end / sound.rate_hz
        if self._reader is None:
            samples, rate_hz, _ = read_segment(entry, *times, FIRST_CHANNEL)
        else:
            samples, rate_hz = self._reader.read(entry, *times)
        return resample(samples, rate_hz, self._rate_hz)[0]


def open_sounds(source: str, content: Content, rate_hz: int) -> Sounds:
    """Find the recordings of a source and measure them.

    Args:
        source: A Kaldi data directory; or a directory with audio files, also in directories below
            it. Of MUSAN only the directory for the content is used, and of RIRS_NOISES the files
            that its lists name.
        content: The content of the recordings.
        rate_hz: The sample rate to which recordings are resampled, Hz.

    Raises:
        InputError: The source does not exist or has no audio, or a recording is empty, cannot be
            read, or has a sample rate that cannot be resampled.
    """
    root = Path(source)
    if not root.is_dir():
        raise InputError(f"there is no directory {source}")
    has_entries = (root / "wav.scp").is_file()
    if has_entries:
        table = open_recordings(root)
        notice = command_notice(table.entries.path, table.entries.items())
        if notice:
            logger.info(notice)
        places = list(table)
    else:
        places = [Utterance(path.stem, None, "", str(path)) for path in _files(root, content)]
    if not places:
        raise InputError(
            f"{source} contains no audio, neither in a wav.scp nor in files ({' '.join(READ_HERE)})"
        )
    return Sounds(_measured(places), rate_hz, has_entries)


def _files(root: Path, content: Content) -> list[Path]:
    if all((root / name).is_dir() for name in MUSAN):
        if content == "rooms":
            raise InputError(f"{root} is MUSAN, which contains no impulse responses")
        return audio_files_below(root / content)
    if content in LISTS:
        lists = sorted(root.rglob(LISTS[content]))
        if lists:
            return [path for name in lists for path in _listed(name)]
    return audio_files_below(root)


def _listed(path: Path) -> Iterator[Path]:
    """Yield the files in a list of RIRS_NOISES, the last field of each line.

    They are relative to the directory that contains RIRS_NOISES.
    """
    for number, line in read_lines(path):
        name = (line.split() or [""])[-1]
        found = next((base / name for base in path.parents if (base / name).is_file()), None)
        if found is None:
            raise InputError(
                f"{path}, line {number}: there is no file {name} below {path.parent} or a "
                "directory that contains it"
            )
        yield found


def _measured(places: Sequence[Utterance]) -> list[Sound]:
    """Return the recordings with their lengths, which are read from headers where possible."""
    entries = list(dict.fromkeys(place.audio_span[0] for place in places))
    infos: dict[str, AudioInfo] = dict(
        zip(entries, in_threads(_measure_named, entries, NUM_THREADS))
    )
    sounds = []
    for place in places:
        num_samples, rate_hz = segment_length(infos[place.audio_span[0]], place)
        sounds.append(Sound(place, num_samples, rate_hz))
    return sounds


def _measure_named(entry: str) -> AudioInfo:
    with naming(f"recording {entry}"):
        return measure_audio(entry.strip(SPACES))
