"""A Kaldi data directory: its tables, read strictly, so that a fault is named by file and line."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from moeasr.datadir.table import read_table
from moeasr.errors import InputError
from moeasr.fields import split_fields

Value = TypeVar("Value", int, float)
MAX_OVERSHOOT_SEC = 0.5
"""A segment may end this much after its recording, as in Kaldi's extract-segments."""


class Segment(NamedTuple):
    """Where an utterance lies in its recording."""

    recording: str
    start_sec: float
    end_sec: float


class DataDir:
    """The tables of a data directory, each read when it is first asked for.

    Args:
        path: A directory with wav.scp, text, utt2spk ... as Kaldi lays them out.

    Raises:
        InputError: There is no such directory; or, on access, a table is missing or malformed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"{path}: no such directory")

    def has(self, name: str) -> bool:
        """Whether the directory holds a file of this name."""
        return (self.path / name).is_file()

    @cached_property
    def wav(self) -> dict[str, str]:
        """wav.scp: recording (or utterance) -> path, `command |` or `file.ark:offset`."""
        return read_table(self.path / "wav.scp")

    @cached_property
    def text(self) -> dict[str, str]:
        """text: utterance -> transcription."""
        return read_table(self.path / "text")

    @cached_property
    def utt2spk(self) -> dict[str, str]:
        """utt2spk: utterance -> speaker."""
        return read_table(self.path / "utt2spk")

    @cached_property
    def feats(self) -> dict[str, str]:
        """feats.scp: utterance -> `file.ark:offset`."""
        return read_table(self.path / "feats.scp")

    @cached_property
    def num_frames(self) -> dict[str, int]:
        """utt2num_frames: utterance -> number of feature frames."""
        return self._numbers("utt2num_frames", int)

    @cached_property
    def utt2dur(self) -> dict[str, float]:
        """utt2dur: utterance -> seconds."""
        return self._numbers("utt2dur", float)

    @cached_property
    def segments(self) -> dict[str, Segment]:
        """segments: utterance -> its part of a recording; empty if there is no such file."""
        if not self.has("segments"):
            return {}
        return {
            utt: self._segment(utt, line)
            for utt, line in read_table(self.path / "segments").items()
        }

    def _segment(self, utt: str, line: str) -> Segment:
        try:
            recording, start, end = split_fields(line)
            segment = Segment(recording, float(start), float(end))
        except ValueError:
            segment = None
        if segment is None or not 0 <= segment.start_sec < segment.end_sec:
            raise InputError(
                f"{self.path / 'segments'}: bad line '{utt} {line}' (must be: utterance recording "
                "start end, in seconds, start before end)"
            )
        return segment

    def _numbers(self, name: str, kind: Callable[[str], Value]) -> dict[str, Value]:
        numbers = {}
        for utt, value in read_table(self.path / name).items():
            try:
                numbers[utt] = kind(value)
            except ValueError:
                raise InputError(
                    f"{self.path / name}: '{value}' of utterance {utt} is not a number"
                ) from None
        return numbers
