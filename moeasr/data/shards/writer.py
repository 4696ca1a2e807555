"""Writer of the shards of a data directory, which keeps shards that are up to date."""

import glob
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from torch import Tensor

from moeasr.atomic import atomic_path
from moeasr.audio.ark import archive_place
from moeasr.audio.duration import AudioLength
from moeasr.audio.file import read_audio_bytes
from moeasr.audio.pipes import parse_pipe
from moeasr.audio.recording import RecordingReader, is_seekable
from moeasr.data.shards.index import ShardedUtterance
from moeasr.data.shards.reader import TEXT_SUFFIX, ShardEntry
from moeasr.datadir.utterances import Utterance, Utterances
from moeasr.errors import InputError, naming
from moeasr.fields import SPACES
from moeasr.strict_json import to_json

FULL_SCALE = 32768.0  # amplitude of 16-bit samples that corresponds to 1.0
_FORMAT = "moeasr-shard-1"


class ShardMaker:
    """A writer of a data set as shards. A shard appears only when it is complete.

    Utterances are assigned to shards at random, so that a few shards are a representative sample of
    the set. Next to each shard is a list of its content with a digest of its inputs: utterance ids,
    entries of wav.scp, dates and sizes of the audio files, and transcripts. A shard whose digest is
    unchanged is not written again.

    Args:
        utterances: Utterances with transcripts, whose entries are those of a wav.scp.
        prefix: Prefix of the shard names: `<prefix>_000000000.tar`.
        num_utts_per_shard: Number of utterances in a shard.
        seed: Seed of the assignment to shards.
    """

    def __init__(
        self, utterances: Utterances, prefix: str, num_utts_per_shard: int, seed: int
    ) -> None:
        utterances.require_transcripts()
        self._utterances = utterances
        self._prefix = prefix
        self._num_utts = num_utts_per_shard
        self._order = _shuffled(utterances, seed)

    def __len__(self) -> int:
        """Return the number of shards."""
        return (len(self._order) + self._num_utts - 1) // self._num_utts

    def path(self, number: int) -> Path:
        """Return the path of a shard."""
        return Path(f"{self._prefix}_{number:09d}.tar")

    def make(self, number: int) -> list[ShardedUtterance]:
        """Make a shard unless it is up to date; return its utterances and those that failed.

        Raises:
            InputError: The shard cannot be written.
        """
        path = self.path(number)
        indices = self._order[number * self._num_utts : (number + 1) * self._num_utts].tolist()
        digest = self._digest(indices)
        made = _load_list(path, digest)
        if made is not None:
            return made
        try:
            # remove the list before the shard is replaced, so that it never describes another shard
            _list_path(path).unlink(missing_ok=True)
            with atomic_path(path) as temporary:
                made = self._write(temporary, path, indices)
            _save_list(path, digest, made)
        except OSError as error:
            raise InputError(f"shard {path} cannot be written: {error.strerror}") from None
        return made

    def finish(self) -> None:
        """Write `<prefix>.list` with one shard per line, and remove superfluous old shards.

        Such shards are left by an earlier run with more utterances.
        """
        prefix, paths = Path(self._prefix), [self.path(number) for number in range(len(self))]
        for old in set(prefix.parent.glob(f"{glob.escape(prefix.name)}_*.tar")).difference(paths):
            if re.fullmatch(r"_\d{9}", old.stem.removeprefix(prefix.name)):
                old.unlink()
                _list_path(old).unlink(missing_ok=True)
        with atomic_path(f"{prefix}.list") as temporary:
            temporary.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")

    def _digest(self, indices: list[int]) -> str:
        digest = hashlib.sha256(_FORMAT.encode())
        for index in indices:
            utterance = self._utterances[index]
            facts = utterance.utt_id, *utterance.audio_span, _stamp(utterance.entry), utterance.text
            digest.update(repr(facts).encode())
        return digest.hexdigest()

    def _write(self, temporary: Path, path: Path, indices: list[int]) -> list[ShardedUtterance]:
        made, name = [], str(path)  # all entries of a shard share this object
        reader = RecordingReader()
        with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as tar:
            for index in indices:
                utterance = self._utterances[index]
                utt_id = utterance.utt_id
                with naming(f"utterance {utt_id}"):
                    try:
                        audio = _encode(utterance, reader)
                    except InputError as error:
                        made.append(ShardedUtterance(AudioLength(utt_id, fault=str(error))))
                        continue
                offset = _add(tar, utt_id + audio.suffix, audio.content)
                _add(tar, utt_id + TEXT_SUFFIX, utterance.text.encode())
                length = AudioLength(
                    utt_id, audio.num_samples, audio.rate_hz, "", audio.header_overshoots
                )
                entry = ShardEntry(utt_id + audio.suffix, offset, name)
                made.append(ShardedUtterance(length, entry))
        return made


class _Encoded(NamedTuple):
    suffix: str
    content: bytes
    num_samples: int
    rate_hz: int
    header_overshoots: bool


def _encode(utterance: Utterance, reader: RecordingReader) -> _Encoded:
    """Encode the audio of an utterance for a shard without changing any sample.

    A whole audio file is copied unchanged; any other audio is encoded as WAV.

    Raises:
        InputError: The audio cannot be read.
    """
    path = _file_of(utterance.entry.strip(SPACES))
    if utterance.start_sec is None and path is not None and os.path.isfile(path):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"audio file {path} cannot be read: {error.strerror}") from None
        suffix = _suffix(path, content)
        if suffix is not None:
            samples, rate_hz, overshoots = read_audio_bytes(content, f"audio file {path}")
            if not overshoots:
                return _Encoded(suffix, content, samples.numel(), rate_hz, False)
    samples, rate_hz = reader.read(*utterance.audio_span)
    overshoots = reader.last_header_overshoots
    return _Encoded(".wav", _wav(samples, rate_hz), samples.numel(), rate_hz, overshoots)


def _file_of(entry: str) -> Path | None:
    """Return the file whose content equals the audio of an entry; None if an effect changes it."""
    if not entry.endswith("|"):
        return Path(entry)
    pipe = parse_pipe(entry)
    is_whole = pipe.source is not None and not pipe.effects and pipe.channel is None
    return Path(pipe.source) if is_whole else None


def _suffix(path: Path, content: bytes) -> str | None:
    """Return the suffix under which other programs can read a file; None if they might not."""
    for suffix, magic in ((".wav", b"RIFF"), (".flac", b"fLaC"), (".ogg", b"OggS")):
        if content.startswith(magic):
            return suffix
    return ".mp3" if path.suffix.lower() == ".mp3" else None


def _wav(samples: Tensor, rate_hz: int) -> bytes:
    """Encode (S,) samples as 16-bit WAV if that is exact, and otherwise as floating-point WAV.

    Samples are not exact in 16 bits after a change of speed or a mix of channels.
    """
    scaled = samples.numpy() * FULL_SCALE
    is_exact = (scaled == np.rint(scaled)).all() and (abs(scaled + 0.5) < FULL_SCALE).all()
    values = scaled.astype(np.int16) if is_exact else samples.numpy()
    buffer = io.BytesIO()
    subtype = "PCM_16" if is_exact else "FLOAT"
    soundfile.write(buffer, values, rate_hz, format="WAV", subtype=subtype)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Append a member to a tar file, and return the offset of its content."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
    blocks = -(-len(content) // tarfile.BLOCKSIZE)
    return tar.offset - blocks * tarfile.BLOCKSIZE


def _shuffled(utterances: Utterances, seed: int) -> np.ndarray:
    """Return the (N,) indices of the utterances in random order.

    Segments of a recording stay together if each of them would decode the whole recording.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(utterances))
    recordings = utterances.recordings
    if recordings is not None and not all(map(is_seekable, utterances.entries.values())):
        lots = generator.permutation(recordings.max() + 1)
        order = order[np.argsort(lots[recordings[order]], kind="stable")]
    return order


def _stamp(entry: str) -> tuple[int, int] | None:
    """Return the date and size of the file from which an entry is read; None if unknown."""
    source = (parse_pipe(entry).source if entry.endswith("|") else entry) or ""
    place = archive_place(source)
    try:
        status = os.stat(source if place is None else place[0])
    except (OSError, ValueError):  # the file does not exist, or no file can have such a name
        return None
    return status.st_mtime_ns, status.st_size


def _list_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _save_list(path: Path, digest: str, utterances: Sequence[ShardedUtterance]) -> None:
    content = {
        "digest": digest,
        "size": path.stat().st_size,
        "utterances": [[*length[:4], *(entry or ())[:2]] for length, entry, _ in utterances],
    }
    with atomic_path(_list_path(path)) as temporary:
        temporary.write_text(to_json(content), encoding="utf-8")


def _load_list(path: Path, digest: str) -> list[ShardedUtterance] | None:
    """Return the content of a shard; None if the shard is missing, out of date or incomplete.

    An utterance that could not be read when the shard was made may be readable now.
    """
    try:
        content = json.loads(_list_path(path).read_text(encoding="utf-8"))
        if (content["digest"], content["size"]) != (digest, path.stat().st_size):
            return None
        name = str(path)
        return [
            ShardedUtterance(
                AudioLength(utt_id, num_samples, rate_hz), ShardEntry(member, offset, name)
            )
            for utt_id, num_samples, rate_hz, _, member, offset in content["utterances"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # an utterance with fewer than six fields could not be read
