"""A check that a data directory is sorted, complete and consistent (validate_data_dir.sh)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from moeasr.datadir.raw_tables import Lines, keys, read_lines, segment_recordings, show
from moeasr.datadir.segment_rule import RULE, parse_segment
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say
from moeasr.kaldi.text import check_text

NUM_SHOWN = 6
"""Number of lines at each end of a difference that a message shows."""


@dataclass(frozen=True, kw_only=True)
class ValidateOptions:
    """Options that relax the checks."""

    no_feats: bool = False
    """True if feats.scp may be missing; an existing one is checked."""
    no_text: bool = False
    """True if text may be missing; an existing one is not checked."""
    no_wav: bool = False
    """True if wav.scp may be missing; an existing one is checked."""
    no_spk_sort: bool = False
    """True if utt2spk may be unsorted by speaker."""
    non_print: bool = False
    """True if text may contain non-printable characters."""


def read_sorted(path: Path) -> Lines:
    """Read a table whose first column must strictly increase in C order.

    Raises:
        InputError: The table is missing, not sorted, has duplicates, or its last line has no
            newline.
    """
    lines = read_lines(path)
    if lines and not path.read_bytes().endswith(b"\n"):
        raise InputError(f"file {path} has invalid newline (none after its last line)")
    names = keys(lines)
    for number, (last, name) in enumerate(zip(names, names[1:]), start=2):
        if name <= last:
            fault = f"repeats '{show(name)}'" if name == last else f"puts '{show(name)}' too late"
            raise InputError(f"file {path} is not sorted or has duplicates (line {number} {fault})")
    return lines


def difference(first: Lines, second: Lines, first_name: str, second_name: str) -> str:
    """Return the ids that only one of two sorted lists has, as the last lines of a message."""
    only_first, only_second = set(first) - set(second), set(second) - set(first)
    lines = [
        ("-" if name in only_first else "+") + show(name)
        for name in sorted(only_first | only_second)
    ]
    if len(lines) > 2 * NUM_SHOWN:
        lines[NUM_SHOWN:-NUM_SHOWN] = ["..."]
    lines.append(f"[Lengths are {first_name}={len(first)} versus {second_name}={len(second)}]")
    return "\n".join(lines)


def each_line(path: Path, lines: Lines, valid: Callable[[list[bytes]], bool], rule: str) -> None:
    """Check that the fields of every line are valid.

    Raises:
        InputError: A line is not valid. The message names the file, the line and the rule.
    """
    for number, line in enumerate(lines, start=1):
        try:
            good = valid(line.split())
        except ValueError:  # a field is not a number
            good = False
        if not good:
            raise InputError(f"Bad line {path.name}:{number}:{show(line)} ({path}: {rule})")


def is_number(fields: list[bytes], low: float, high: float = float("inf")) -> bool:
    """Return whether a line is `id x` with low < x < high."""
    return len(fields) == 2 and low < float(fields[1]) < high


class Validator:
    """A validator of one data directory, which checks file by file and stops at the first fault."""

    def __init__(self, data: Path, options: ValidateOptions, say: Say) -> None:
        self.data, self.options, self.say = data, options, say
        self.utts: Lines = []
        self.speakers: Lines = []
        self.recordings: Lines = []
        self.recordings_from = "wav.scp"

    def has(self, name: str) -> bool:
        """Return whether the directory contains a file."""
        return (self.data / name).is_file()

    def check(self) -> None:
        """Run all checks, in Kaldi's order.

        Raises:
            InputError: A check fails. The message names the file and, if possible, the line.
        """
        if not self.data.is_dir():
            raise InputError(f"no such directory {self.data}")
        self.check_speakers()
        self.check_transcriptions()
        self.check_audio_tables()
        if not self.has("feats.scp") and not self.options.no_feats:
            raise InputError(self.absent("feats.scp", "--no-feats"))
        self.check_keys("feats.scp", self.utts, "utterance-ids extracted from utt2spk and features")
        self.check_optional()

    def absent(self, name: str, option: str) -> str:
        """Return the message that a required file is missing."""
        path = self.data / name
        return f"no such file {path} (if this is by design, specify {option})"

    def check_speakers(self) -> None:
        """Check the format, order and consistency of utt2spk and spk2utt."""
        for name in ("spk2utt", "utt2spk"):
            path = self.data / name
            if not path.is_file():
                raise InputError(f"no such file {name} ({path})")
            if not path.stat().st_size:
                raise InputError(f"empty file {name} ({path})")
        path = self.data / "utt2spk"
        lines = read_lines(path)
        for number, line in enumerate(lines, start=1):
            if len(line.split()) != 2:
                raise InputError(f"{path} has wrong format. (line {number}: '{show(line)}')")
        if len(read_lines(self.data / "spk2utt")) == 1:
            self.say("WARNING: all utterances have the same speaker (is utt2spk complete?)")
        read_sorted(path)
        pairs = [tuple(line.split()) for line in lines]
        if not self.options.no_spk_sort:
            for number, (last, pair) in enumerate(zip(pairs, pairs[1:]), start=2):
                if pair[1] < last[1]:
                    raise InputError(
                        f"{path}, line {number}: not sorted by speaker; make each speaker id a "
                        f"prefix of its utterance ids: '{show(lines[number - 1])}'"
                    )
        spk2utt = [line.split() for line in read_sorted(self.data / "spk2utt")]
        expanded = [(utt, spk) for spk, *utts in spk2utt for utt in utts]
        if self.options.no_spk_sort:
            expanded.sort()  # Kaldi does not sort, so there this option never helps
        if expanded != pairs:
            differing = set(expanded) ^ set(pairs)
            example = f" (e.g. utterance {show(min(differing)[0])})" if differing else " (in order)"
            raise InputError(f"spk2utt and utt2spk do not seem to match in {self.data}{example}")
        self.utts = [utt for utt, _ in pairs]
        self.speakers = [fields[0] for fields in spk2utt]

    def check_transcriptions(self) -> None:
        """Check that text exists, is valid and sorted, and has the same utterances as utt2spk."""
        path = self.data / "text"
        if self.options.no_text:
            return
        if not path.is_file():
            raise InputError(self.absent("text", "--no-text"))
        check_text(path, read_lines(path), self.options.non_print)
        self.check_keys("text", self.utts, "utterance lists extracted from utt2spk and text")

    def check_keys(self, name: str, expected: Lines, what: str, expected_name: str = "") -> Lines:
        """Check that an optional sorted table has exactly the expected ids; return its lines."""
        if not self.has(name):
            return []
        lines = read_sorted(self.data / name)
        if keys(lines) != expected:
            shown = difference(expected, keys(lines), expected_name or "utt2spk", name)
            raise InputError(
                f"Error: in {self.data}, {what} differ, partial diff is "
                f"(- not in {self.data / name}, + only there):\n{shown}"
            )
        return lines

    def check_audio_tables(self) -> None:
        """Check wav.scp, segments and reco2file_and_channel."""
        if not self.has("wav.scp"):
            if self.has("segments"):
                raise InputError(f"in directory {self.data}, segments file exists but no wav.scp")
            if not self.options.no_wav:
                raise InputError(self.absent("wav.scp", "--no-wav"))
            self.recordings = self.utts
            return
        path = self.data / "wav.scp"
        for number, line in enumerate(read_sorted(path), start=1):
            fields = line.split(None, 1)
            if len(fields) < 2:
                raise InputError(f"{path}, line {number}: '{show(line)}' names no audio")
            if fields[1].startswith(b"~"):
                raise InputError(
                    f"Please do not use tilde (~) in your wav.scp. ({path}, line {number})"
                )
        if self.has("segments"):
            self.check_segments()
        else:
            self.recordings = self.utts
            self.check_keys(
                "wav.scp", self.utts, "utterance lists extracted from utt2spk and wav.scp"
            )
        self.check_channels()

    def check_segments(self) -> None:
        """Check the format of segments, and its utterances and recordings against other tables."""
        path = self.data / "segments"
        lines = read_sorted(path)
        for number, line in enumerate(lines, start=1):
            try:
                parse_segment(line.split()[1:])
            except ValueError:
                raise InputError(
                    f"badly formatted segments file {path}, line {number}: '{show(line)}' ({RULE})"
                ) from None
        if self.has("text") and keys(lines) != self.utts:
            shown = difference(self.utts, keys(lines), "utt2spk", "segments")
            raise InputError(
                f"Utterance list differs between {self.data}/utt2spk and {path}\n{shown}"
            )
        self.recordings = sorted(segment_recordings(lines, path))
        self.recordings_from = "segments"
        self.check_keys(
            "wav.scp",
            self.recordings,
            "recording-ids extracted from segments and wav.scp",
            "segments",
        )

    def check_channels(self) -> None:
        """Check reco2file_and_channel, which only the scoring of ctm files needs."""
        name = "reco2file_and_channel"
        what = f"recording-ids extracted from {self.recordings_from} and {name}"
        lines = self.check_keys(name, self.recordings, what, self.recordings_from)
        rule = "must be: recording file channel, with channel A or B"
        each_line(
            self.data / name, lines, lambda f: len(f) == 3 and f[2] in (b"A", b"B", b"1"), rule
        )
        if any(line.split()[2] == b"1" for line in lines):
            self.say(f"{name}: The channel should be marked as A or B, not 1! ({self.data / name})")

    def check_optional(self) -> None:
        """Check all optional files."""
        for name in ("cmvn.scp", "spk2gender", "spk2warp"):
            what = f"speaker lists extracted from spk2utt and {name}"
            lines = self.check_keys(name, self.speakers, what, "spk2utt")
            if name == "spk2gender":
                each_line(
                    self.data / name,
                    lines,
                    lambda f: len(f) == 2 and f[1] in (b"m", b"f"),
                    "Mal-formed spk2gender file, must be: speaker m|f",
                )
            if name == "spk2warp":
                self.check_warps(name, lines)
        names = ("shards.scp", "utt2warp", "vad.scp", "utt2lang", "utt2uniq")
        for name in (*names, "utt2dur", "utt2num_frames"):
            what = f"utterance-ids extracted from utt2spk and {name} file"
            lines = self.check_keys(name, self.utts, what)
            path = self.data / name
            if name == "utt2warp":
                self.check_warps(name, lines)
            elif name == "utt2dur":
                each_line(path, lines, lambda f: is_number(f, 0), "must be: utterance seconds > 0")
            elif name == "utt2num_frames":
                rule = "must be: utterance whole number > 0"
                each_line(path, lines, lambda f: len(f) == 2 and int(f[1]) > 0, rule)
        what = f"recording-ids extracted from {self.recordings_from} and reco2dur file"
        lines = self.check_keys("reco2dur", self.recordings, what, self.recordings_from)
        rule = "must be: recording seconds > 0"
        each_line(self.data / "reco2dur", lines, lambda f: is_number(f, 0), rule)

    def check_warps(self, name: str, lines: Iterable[bytes]) -> None:
        """Check the warping factors of a spk2warp or utt2warp."""
        rule = f"Mal-formed {name} file, must be: id 0.5 < factor < 1.5"
        each_line(self.data / name, list(lines), lambda f: is_number(f, 0.5, 1.5), rule)


def validate_data_dir(data: Path, options: ValidateOptions, say: Say) -> None:
    """Check a data directory.

    Args:
        data: The data directory.
        options: Options that relax the checks.
        say: Function that receives warnings.

    Raises:
        InputError: A check fails. The message names the file and, if possible, the line or
            utterance.
    """
    Validator(data, options, say).check()
