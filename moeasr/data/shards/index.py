"""The content of shards, and the tables of a data directory that describe it."""

import os
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from moeasr.audio.duration import AudioLength
from moeasr.audio.samples import measure_stream
from moeasr.data.feature_settings import write_settings
from moeasr.data.length_tables import length_tables
from moeasr.data.shards.reader import AUDIO_SUFFIXES, TEXT_SUFFIX, ShardEntry
from moeasr.data.shards.remote_files import RemoteFiles, is_address
from moeasr.datadir.full_tables import write_tables
from moeasr.datadir.raw_tables import is_unicode, keys, write_lines
from moeasr.errors import InputError, naming
from moeasr.features.fbank_config import FbankConfig
from moeasr.fields import SPACES, is_one_field
from moeasr.text_lines import decode_line, read_lines


class ShardedUtterance(NamedTuple):
    """An utterance in a shard, or one that is missing there because it could not be read."""

    length: AudioLength
    entry: ShardEntry | None = None
    text: str = ""


def write_shard_tables(
    data_dir: Path,
    utterances: Iterable[ShardedUtterance],
    config: FbankConfig,
    say: Callable[[str], None],
) -> None:
    """Write shards.scp, utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml.

    Args:
        data_dir: The data directory of the utterances, which contains utt2spk.
        utterances: The utterances, in any order.
        config: Settings of the filter banks whose frames are counted.
        say: Function that receives messages about unusual utterances.

    Raises:
        InputError: Fewer than 95 % of the data directory's utterances can be used.
    """
    ordered = sorted(utterances, key=lambda utterance: utterance.length.utt_id.encode())
    tables, reasons = length_tables([utterance.length for utterance in ordered], config, say)
    usable = set(keys(tables["utt2num_frames"]))
    lines = [f"{utterance.length.utt_id} {utterance.entry}".encode() for utterance in ordered]
    tables["shards.scp"] = [line for line in lines if line.split(None, 1)[0] in usable]
    write_tables(data_dir, tables, say, reasons)
    write_settings(data_dir, config)


def write_data_dir(
    data_dir: Path,
    utterances: Sequence[ShardedUtterance],
    config: FbankConfig,
    say: Callable[[str], None],
) -> None:
    """Write a data directory for shards that have none; every utterance is its own speaker.

    Raises:
        InputError: There are no utterances, one is in two shards, or the directory already has a
            wav.scp.
    """
    if not utterances:
        raise InputError(f"{data_dir}: the shards contain no utterances")
    if (data_dir / "wav.scp").exists():
        raise InputError(
            f"{data_dir} already contains a wav.scp; choose an empty directory for existing shards"
        )
    ordered = sorted(utterances, key=lambda utterance: utterance.length.utt_id.encode())
    for one, other in zip(ordered, ordered[1:]):
        if one.length.utt_id == other.length.utt_id and one.entry and other.entry:
            raise InputError(
                f"utterance {one.length.utt_id} is in shard {one.entry.path} and in shard "
                f"{other.entry.path}"
            )
    ids = [utterance.length.utt_id.encode() for utterance in ordered]
    for name in ("utt2spk", "spk2utt"):
        write_lines(data_dir / name, [utt_id + b" " + utt_id for utt_id in ids])
    texts = [utterance.text.encode() for utterance in ordered]
    write_lines(data_dir / "text", [b" ".join(pair).rstrip() for pair in zip(ids, texts)])
    write_shard_tables(data_dir, ordered, config, say)


def read_list(path: str) -> list[str]:
    """Return the shards in a list, which is a file or an address, with one shard per line.

    In a list at an address, names without a directory are beside the list.

    Raises:
        InputError: The list cannot be read, or a line is not valid UTF-8.
    """
    path = path.removeprefix("file://")
    if not is_address(path):
        numbered = list(read_lines(path))
        folder = ""
    else:
        with RemoteFiles().copy(path) as file:
            numbered = [(n, decode_line(raw, path, n)) for n, raw in enumerate(file, start=1)]
        folder = path.rpartition("/")[0] + "/"
    shards = [name for _, line in numbered if (name := line.strip(SPACES))]
    return [(name if "/" in name else folder + name).removeprefix("file://") for name in shards]


def list_shard(path: str) -> list[ShardedUtterance]:
    """Return the utterances of a shard, decoding only the headers and ends of their audio.

    A shard at an address is copied to a temporary file, which needs its size on disk.

    Raises:
        InputError: The shard is not a tar file or is truncated, or an utterance has unreadable
            audio, no audio or no transcript. The message names the shard and the member.
    """
    with naming(f"shard {path}"), _opened(path) as file:
        return _utterances_of(file, path)


def _opened(path: str) -> BinaryIO:
    """Open a shard, or a copy of a shard at an address."""
    try:
        if is_address(path):
            return RemoteFiles().copy(path)
        return open(path, "rb")
    except InputError as error:
        raise InputError(f"shard {error}") from None
    except OSError as error:
        raise InputError(f"shard {path} cannot be read: {error.strerror}") from None


def _utterances_of(file: BinaryIO, path: str) -> list[ShardedUtterance]:
    audio: dict[str, tuple[AudioLength, ShardEntry]] = {}
    texts: dict[str, str] = {}
    try:
        num_bytes = os.fstat(file.fileno()).st_size
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as shard:
            for member in shard:
                if member.size < 0:  # the next member would be this member again
                    raise tarfile.ReadError(f"{member.name} has a negative size")
                key, suffix = os.path.splitext(member.name.removeprefix("./"))
                if not member.isfile() or suffix not in (TEXT_SUFFIX, *AUDIO_SUFFIXES):
                    continue
                name = f"shard {path}: {member.name}"
                if not is_one_field(member.name):
                    raise InputError(f"{name}: the name of a member must not contain spaces")
                if not is_unicode(member.name):
                    raise InputError(f"shard {path}: {ascii(member.name)}: the name is not UTF-8")
                if member.issparse():
                    raise InputError(f"{name}: was packed with tar's --sparse; pack it without")
                if key in (texts if suffix == TEXT_SUFFIX else audio):
                    raise InputError(f"{name}: utterance {key} appears a second time")
                if member.offset_data + member.size > num_bytes:
                    raise tarfile.ReadError(f"it ends within {member.name}")
                content = shard.extractfile(member)
                if suffix == TEXT_SUFFIX:
                    texts[key] = _one_line(content.read(), name)
                else:
                    rate_hz, num_samples, overshoots = measure_stream(content, name)
                    entry = ShardEntry(member.name, member.offset_data, path)
                    length = AudioLength(key, num_samples, rate_hz, "", overshoots)
                    audio[key] = length, entry
        _require_end(file)
    except InputError:
        raise
    except (MemoryError, OverflowError, RecursionError, ValueError):
        raise InputError(
            f"shard {path} is not a tar file: a header has an impossible size"
        ) from None
    except tarfile.TarError as error:
        raise InputError(f"shard {path} is truncated or not a tar file ({error})") from None
    except OSError as error:
        raise InputError(f"shard {path} cannot be read: {error.strerror}") from None
    for key in sorted(audio.keys() ^ texts.keys()):
        has, lacks = ("audio", "transcript") if key in audio else ("a transcript", "audio")
        raise InputError(f"shard {path}: utterance {key} has {has}, but no {lacks}")
    return [ShardedUtterance(*measured, texts[key]) for key, measured in audio.items()]


def _one_line(raw: bytes, name: str) -> str:
    try:
        return " ".join(raw.decode("utf-8").split())
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not valid UTF-8 ({error.reason})") from None


def _require_end(file: BinaryIO) -> None:
    """Raise `tarfile.ReadError` unless a tar file has its end mark.

    A file without end mark may be truncated between two members.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2 * tarfile.BLOCKSIZE))
    if file.read() != bytes(2 * tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end mark is missing")
