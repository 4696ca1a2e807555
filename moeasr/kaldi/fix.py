"""A repair of data directories: all files are sorted and have the same ids (fix_data_dir.sh)."""

import operator
import shutil
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

from moeasr.datadir.raw_tables import (
    BY_RECORDING,
    BY_SPEAKER,
    BY_UTTERANCE,
    Lines,
    filter_lines,
    key,
    keys,
    label_tables,
    read_lines,
    segment_recordings,
    show,
    spk2utt_of,
    write_lines,
)
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say, detail
from moeasr.plurals import counted

LIMITING = ("feats.scp", "shards.scp", "text", "segments", "utt2lang", "utt2dur", "utt2num_frames")
"""Tables that must contain an utterance for it to be kept; other tables are only filtered."""
POSITIVE = ("utt2dur", "utt2num_frames")


WHOLE_LINES = ("utt2spk", "spk2utt", "segments")
"""Tables whose lines are kept in memory. Only the ids of other tables are, and their lines are read
again when they are written."""


class DataDirFixer:
    """The filtered tables of a data directory, which are written only if no error occurs.

    Attributes:
        tables: The lines of the tables in `WHOLE_LINES`.
        ids: The ids (first fields) in the other tables.
    """

    def __init__(
        self, data: Path, utt_extra_files: Sequence[str], spk_extra_files: Sequence[str], say: Say
    ) -> None:
        self.data, self.say = data, say
        self.by_utt = list(dict.fromkeys([*BY_UTTERANCE, *label_tables(data), *utt_extra_files]))
        self.by_spk = [*BY_SPEAKER, *spk_extra_files]
        self.tables: dict[str, Lines] = {}
        self.ids: dict[str, Lines] = {}
        self._positive: dict[str, Lines] = {}
        shared: dict[bytes, bytes] = {}  # all tables share one object per id
        for name in ["utt2spk", "spk2utt", *self.by_utt, *self.by_spk, *BY_RECORDING]:
            if not (data / name).is_file():
                continue
            original = read_lines(data / name)
            lines = _sorted(original)
            if lines is not original:
                say(f"file {data / name} is not in sorted order or not unique, sorting it")
            if name in WHOLE_LINES:
                self.tables[name] = lines
                continue
            self.ids[name] = [shared.setdefault(k, k) for k in map(key, lines)]
            if name in POSITIVE:
                positive = map(key, filter(_is_positive, lines))
                self._positive[name] = [shared[k] for k in positive]

    def has(self, name: str) -> bool:
        """Return whether the directory has a table of this name."""
        return name in self.tables or name in self.ids

    @property
    def utt2spk(self) -> dict[bytes, bytes]:
        """The mapping from utterance to speaker, in the order of the file."""
        pairs = {}
        for line in self.tables["utt2spk"]:
            fields = line.split()
            if len(fields) != 2:
                raise InputError(f"{self.data / 'utt2spk'}: has a malformed line '{show(line)}'")
            pairs[fields[0]] = fields[1]
        return pairs

    def _filter(self, name: str, wanted: set[bytes], reason: str) -> None:
        """Keep the lines of a table whose id is in `wanted`, if the table exists."""
        if name not in self.ids:
            return
        ids = self.ids[name]
        self.ids[name] = [one for one in ids if one in wanted]
        if len(self.ids[name]) != len(ids):
            self.say(
                f"filtered {self.data / name} from {len(ids)} to {len(self.ids[name])} "
                f"lines based on filter {reason}."
            )

    def filter_recordings(self) -> None:
        """Keep the recordings that both segments and wav.scp contain, if there are segments."""
        segments = self.tables.get("segments")
        if segments is None:
            return
        path = self.data / "segments"
        if not self.has("wav.scp"):
            raise InputError(f"{path} exists but not {self.data / 'wav.scp'}")
        wanted = segment_recordings(segments, path) & set(self.ids["wav.scp"])
        if not wanted:
            raise InputError(f"Empty list of recordings (bad file {path})?")
        kept = [line for line in segments if line.split(None, 2)[1] in wanted]
        if len(kept) != len(segments):
            self.say(
                f"filtered {path} from {len(segments)} to {len(kept)} lines based on filter "
                f"{self.data / 'wav.scp'}."
            )
        self.tables["segments"] = kept
        for name in BY_RECORDING:
            self._filter(name, wanted, str(path))

    def filter_speakers(self) -> None:
        """Keep the speakers that utt2spk, cmvn.scp and spk2gender all contain."""
        utt2spk = self.utt2spk
        wanted = set(utt2spk.values())
        for name in ("cmvn.scp", "spk2gender"):
            if self.has(name):
                wanted.intersection_update(self.ids[name])
        kept = [(utt, speaker) for utt, speaker in utt2spk.items() if speaker in wanted]
        if len(kept) != len(utt2spk):
            dropped = len(set(utt2spk.values())) - len(wanted)
            speakers = counted(dropped, "speaker")
            self.say(f"dropped {speakers} that not all files of {self.data} have")
        self.tables["utt2spk"] = [utt + b" " + speaker for utt, speaker in kept]
        self.tables["spk2utt"] = spk2utt_of(kept)
        for name in self.by_spk:
            self._filter(name, wanted, "speakers")

    def check_order(self) -> None:
        """Raise `InputError` unless utt2spk is sorted by utterance and speaker at the same time.

        This script cannot repair the order, because the ids would have to change.
        """
        pairs = list(self.utt2spk.items())
        for last, pair in zip(pairs, pairs[1:]):
            if pair[1] < last[1]:
                raise InputError(
                    f"{self.data / 'utt2spk'}: not sorted by speaker; make each speaker id a "
                    f"prefix of its utterance ids ('{show(last[0] + b' ' + last[1])}' comes before "
                    f"'{show(pair[0] + b' ' + pair[1])}')"
                )

    def filter_utterances(self) -> None:
        """Keep the utterances that all limiting tables contain."""
        before = keys(self.tables["utt2spk"])
        wanted = set(before)
        by_utt = ["utt2spk", *self.by_utt]
        limiting = list(LIMITING)
        if "segments" not in self.tables:
            by_utt += BY_RECORDING
            limiting.append("wav.scp")
        for name in limiting:
            if name in self.tables:
                wanted.intersection_update(map(key, self.tables[name]))
            elif name in self.ids:
                wanted.intersection_update(self._positive.get(name, self.ids[name]))
        if not wanted:
            raise InputError(f"no utterances remained: not proceeding further. ({self.data})")
        if len(wanted) == len(before):
            detail(self.say, f"kept all {len(before)} utterances.")
        else:
            self.say(f"kept {len(wanted)} utterances out of {len(before)}")
        for name in by_utt:
            if name in self.tables:
                self.tables[name] = filter_lines(self.tables[name], wanted)
            elif name in self.ids:
                self.ids[name] = [utt for utt in self.ids[name] if utt in wanted]

    def write(self) -> None:
        """Copy the original files to .backup, and write the files that have changed."""
        backup = self.data / ".backup"
        names = (*self.tables, *self.ids)
        for name in names:
            (backup / name).parent.mkdir(parents=True, exist_ok=True)
            if (self.data / name).is_file():
                shutil.copyfile(self.data / name, backup / name)
        for name in names:
            path = self.data / name
            lines = self.tables[name] if name in self.tables else self._kept_lines(name)
            if not _holds(path, lines):
                write_lines(path, lines)
        detail(self.say, f"old files are kept in {backup}")

    def _kept_lines(self, name: str) -> Lines:
        """Return the lines of a table whose ids are kept."""
        lines, ids = _sorted(read_lines(self.data / name)), self.ids[name]
        return lines if len(lines) == len(ids) else filter_lines(lines, set(ids))


def _sorted(lines: Lines) -> Lines:
    """Sort lines by id, keep the first line of each id, and remove empty lines."""
    if all(map(operator.lt, chain([b""], map(key, lines)), map(key, lines))):
        return lines
    unique: dict[bytes, bytes] = {}
    for line in lines:
        unique.setdefault(key(line), line)
    unique.pop(b"", None)
    return [unique[name] for name in sorted(unique)]


def _holds(path: Path, lines: Lines) -> bool:
    """Return whether a file has exactly these lines.

    Such a file is not rewritten, so that its date does not trigger later stages.
    """
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        pairs = zip_longest(file, lines)
        return all(new is not None and old == new + b"\n" for old, new in pairs)


def _is_positive(line: bytes) -> bool:
    fields = line.split()
    try:
        return len(fields) == 2 and float(fields[1]) > 0
    except ValueError:
        return False


def fix_data_dir(
    data: Path, say: Say, utt_extra_files: Sequence[str] = (), spk_extra_files: Sequence[str] = ()
) -> None:
    """Sort and filter the files of a data directory so that they are consistent.

    spk2utt is derived from utt2spk. The original files are copied to `.backup`.

    Args:
        data: The data directory.
        say: Function that receives messages about the progress.
        utt_extra_files: Additional files whose first field is an utterance.
        spk_extra_files: Additional files whose first field is a speaker.

    Raises:
        InputError: No utterance remains, or utt2spk is missing, malformed, or impossible to sort by
            utterance and speaker at the same time. No file is changed in this case.
    """
    if not data.is_dir():
        raise InputError(f"no such directory {data}")
    if not (data / "utt2spk").is_file():
        raise InputError(f"no such file {data / 'utt2spk'}")
    for name in (*utt_extra_files, *spk_extra_files):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"an extra file must be in {data}, but is {name}")
    fixer = DataDirFixer(data, utt_extra_files, spk_extra_files, say)
    fixer.filter_recordings()
    fixer.filter_speakers()
    fixer.check_order()
    fixer.filter_utterances()
    fixer.filter_speakers()
    fixer.filter_recordings()
    fixer.write()
