"""The tables of a data directory as raw bytes, in any encoding, sorted by bytes.

Python compares bytes in the same order as `LC_ALL=C sort`, and `bytes.split` splits at ASCII spaces
only. The scripts in utils/ therefore behave the same in every locale and for every writing system.
"""

import re
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.text_lines import is_open_to_readers

Lines = list[bytes]  # without newlines

BY_UTTERANCE = (
    "feats.scp",
    "shards.scp",
    "text",
    "segments",
    "vad.scp",
    "utt2lang",
    "utt2uniq",
    "utt2dur",
    "utt2num_frames",
    "utt2warp",
)
BY_SPEAKER = ("cmvn.scp", "spk2gender", "spk2warp")
BY_RECORDING = ("wav.scp", "reco2file_and_channel", "reco2dur")
"""Tables whose keys are recordings. Without a `segments` file, every utterance is a recording."""
SETTINGS = "conf/fbank.yaml"
"""Name of the file in a data directory with the settings of the features."""
OF_FEATURES = ("frame_shift", SETTINGS)
"""Files that describe how the features, or the lengths in utt2num_frames, were computed."""
WHOLE = (*OF_FEATURES, "stm", "glm", "ctm")
"""Files of a data directory that are not tables, so they are copied as a whole."""
LABELS = re.compile(r"utt2(?!spk|num_|max_)\w+")
"""Names of tables with a label of each utterance, such as utt2lang or utt2accent."""


def label_tables(*directories: Path) -> list[str]:
    """Return the names of the tables of labels, such as utt2accent, that Kaldi does not know."""
    files = (path for directory in directories for path in directory.glob("utt2*"))
    names = {path.name for path in files if LABELS.fullmatch(path.name) and path.is_file()}
    return sorted(names.difference(BY_UTTERANCE))


def show(raw: bytes) -> str:
    """Return bytes as text for a message, with escapes for bytes that are not valid UTF-8."""
    return raw.decode("utf-8", "backslashreplace")


def is_unicode(text: str) -> bool:
    """Return whether text can be encoded as UTF-8.

    Python represents a file name in another encoding by surrogates, which UTF-8 cannot encode.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def key(line: bytes) -> bytes:
    """Return the first field of a line; b"" for an empty line."""
    return (line.split(None, 1) or [b""])[0]


def rest(line: bytes) -> bytes:
    """Return a line without its first field and the spaces after it; inner spaces are kept."""
    return [*line.split(None, 1), b"", b""][1].rstrip()


def keys(lines: Iterable[bytes]) -> Lines:
    """Return the first field of every line."""
    return [key(line) for line in lines]


def read_lines(path: str | Path) -> Lines:
    """Read a file's lines.

    Raises:
        InputError: The file does not exist.
    """
    path = Path(path)
    if not is_open_to_readers(path):
        raise InputError(f"no such file {path}")
    lines = path.read_bytes().split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def read_fields(path: str | Path, num_fields: int) -> list[list[bytes]]:
    """Read a table whose lines have a fixed number of fields.

    Raises:
        InputError: The file is missing, or a line has a different number of fields.
    """
    table = []
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if len(fields) != num_fields:
            raise InputError(
                f"{path}, line {number}: has {counted(len(fields), 'field')} instead of "
                f"{num_fields}: '{show(line)}'"
            )
        table.append(fields)
    return table


def read_map(path: str | Path) -> dict[bytes, bytes]:
    """Read a table of two fields per line as a mapping."""
    return {fields[0]: fields[1] for fields in read_fields(path, 2)}


def write_lines(path: str | Path, lines: Iterable[bytes]) -> None:
    """Write a file atomically: it appears only when it is complete."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.writelines(line + b"\n" for line in lines)


def filter_lines(lines: Iterable[bytes], wanted: Container[bytes]) -> Lines:
    """Return the lines whose first field is in `wanted`, in the order of `lines`."""
    return [line for line in lines if key(line) in wanted]


def rename(
    lines: Iterable[bytes], new_name: Callable[[bytes], bytes], separator: bytes = b" "
) -> Lines:
    """Replace the first field of every line, keep the rest unchanged, and sort the lines."""
    return sorted(
        (new_name(key(line)) + (separator + rest(line) if rest(line) else b"") for line in lines),
        key=key,
    )


def spk2utt_of(utt2spk: Iterable[tuple[bytes, bytes]]) -> Lines:
    """Return the lines of spk2utt for (utterance, speaker) pairs, in order of first occurrence."""
    speakers: dict[bytes, Lines] = {}
    for utt, speaker in utt2spk:
        speakers.setdefault(speaker, []).append(utt)
    return [b" ".join([speaker, *utts]) for speaker, utts in speakers.items()]


def read_utt2spk(data: Path) -> list[tuple[bytes, bytes]]:
    """Return the (utterance, speaker) pairs of a data directory, in file order.

    Raises:
        InputError: utt2spk is missing, or a line does not have two fields.
    """
    return [(utt, speaker) for utt, speaker in read_fields(data / "utt2spk", 2)]


def write_utt2spk(data: Path, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Write utt2spk and the spk2utt derived from it, both sorted."""
    pairs = sorted(pairs)
    write_lines(data / "utt2spk", [utt + b" " + speaker for utt, speaker in pairs])
    write_lines(data / "spk2utt", sorted(spk2utt_of(pairs), key=key))


def segment_recordings(lines: Iterable[bytes], path: Path) -> set[bytes]:
    """Return the recordings named in the lines of a segments file.

    Raises:
        InputError: A line has no second field.
    """
    recordings = set()
    for number, line in enumerate(lines, start=1):
        fields = line.split(None, 2)
        if len(fields) < 2:
            raise InputError(f"{path}, line {number}: the recording is missing: '{show(line)}'")
        recordings.add(fields[1])
    return recordings
