"""The merge of data directories into one (combine_data.sh)."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from moeasr.atomic import temporary_directory
from moeasr.datadir.raw_tables import (
    SETTINGS,
    Lines,
    key,
    label_tables,
    read_lines,
    read_utt2spk,
    spk2utt_of,
    write_lines,
)
from moeasr.errors import InputError
from moeasr.kaldi.derive import copy_whole, require_outside
from moeasr.kaldi.durations import whole_segments
from moeasr.kaldi.speak import Say, detail

MERGED = (
    "utt2spk",
    "utt2lang",
    "utt2dur",
    "utt2num_frames",
    "reco2dur",
    "feats.scp",
    "text",
    "cmvn.scp",
    "vad.scp",
    "reco2file_and_channel",
    "wav.scp",
    "spk2gender",
)
"""Tables that are merged if every source has them; list and order are the same as in Kaldi."""


MADE_BY_THEM = ("feats.scp", "utt2num_frames", "shards.scp")
"""Tables that depend on the settings in `SETTINGS`."""


def common_frame_shift(sources: Sequence[Path]) -> Path | None:
    """Return the first source with features and a frame_shift; None if there is none.

    Raises:
        InputError: Two sources have different frame shifts.
    """
    first = None
    for source in sources:
        if (source / "feats.scp").is_file() and (source / "frame_shift").is_file():
            first = first or source
            if (source / "frame_shift").read_bytes() != (first / "frame_shift").read_bytes():
                raise InputError(
                    f"error: different frame_shift in directories {source} and {first}. "
                    "Cannot combine features."
                )
    return first


def common_settings(sources: Sequence[Path], say: Say) -> Path | None:
    """Return a source whose `conf/fbank.yaml` applies to all features; None if there is none.

    The settings matter only if all sources have a table that depends on them. If a source lacks
    the settings, they are left out of the merged directory, and a message says so.

    Raises:
        InputError: Two sources have different settings.
    """
    if not any(all((source / name).is_file() for source in sources) for name in MADE_BY_THEM):
        return None
    known = [source for source in sources if (source / SETTINGS).is_file()]
    for source in known[1:]:
        _require_equal(known[0] / SETTINGS, source / SETTINGS)
    if known and len(known) < len(sources):
        say(f"[info]: **not combining {SETTINGS} as it does not exist everywhere**")
        return None
    return known[0] if known else None


def _require_equal(first: Path, second: Path) -> None:
    """Raise `InputError` unless two files of settings contain the same keys and values."""
    if first.read_bytes() == second.read_bytes():
        return
    from moeasr.config import load_yaml  # imported here because it is slow and rarely needed

    settings, others = load_yaml(first), load_yaml(second)
    for name in sorted(settings.keys() | others.keys()):
        one, other = settings.get(name), others.get(name)
        if one != other:
            raise InputError(
                f"different settings of the features: {name} is {one} in {first}, but {other} in "
                f"{second}. Cannot combine features."
            )


def make_utt2uniq(source: Path) -> Lines:
    """Return the lines of utt2uniq for a source without it, which map each utterance to itself."""
    return [utt + b" " + utt for utt, _ in read_utt2spk(source)]


def merge(sources: Sequence[Path], name: str, say: Say) -> Lines | None:
    """Return the sorted lines of one table in all sources; None, with a message, if one lacks it.

    utt2uniq and segments are generated for sources that lack them if any source has them.
    """
    present = [(source / name).is_file() for source in sources]
    if not any(present):
        detail(say, f"[info]: not combining {name} as it does not exist")
        return None
    if not all(present) and name not in ("utt2uniq", "segments"):
        detail(say, f"[info]: **not combining {name} as it does not exist everywhere**")
        return None
    lines = []
    for source, exists in zip(sources, present):
        if exists:
            lines += read_lines(source / name)
        elif name == "segments":
            detail(say, f"[info]: will generate missing segments for {source}")
            lines += whole_segments(source, say)
        else:
            lines += make_utt2uniq(source)
    detail(say, f"combined {name}")
    return sorted(lines, key=lambda line: (key(line), line))


def combine_data(
    target: Path, sources: Sequence[Path], extra_files: Sequence[str], say: Say
) -> None:
    """Merge data directories; an existing target is replaced when the merged one is complete.

    Args:
        target: The merged directory.
        sources: Data directories.
        extra_files: Names of additional tables to merge.
        say: Function that receives messages about the tables that are merged or not.

    Raises:
        InputError: A source has no utt2spk, is the target itself or lies within it, or the frame
            shifts or other settings of the features differ.
    """
    for source in sources:
        if not (source / "utt2spk").is_file():
            raise InputError(f"no such file {source / 'utt2spk'}")
        if target.resolve() == source.resolve():
            raise InputError(f"the destination is one of the sources: {target}")
        require_outside(source, target)
    target = target.resolve()  # perhaps behind a link
    frame_shift = common_frame_shift(sources)
    settings = common_settings(sources, say)
    if any((source / "shards.scp").is_file() for source in sources):  # not one of Kaldi's tables
        extra_files = [*extra_files, "shards.scp"]
    extra_files = [*extra_files, *label_tables(*sources)]
    always = ("utt2uniq", "segments", *MERGED)
    extra_files = [name for name in dict.fromkeys(extra_files) if name not in always]
    with temporary_directory(target.parent, "combine") as staging:
        merged = staging / "merged"
        for name in (*always, *extra_files):
            lines = merge(sources, name, say)
            if lines is not None:
                write_lines(merged / name, lines)
        write_lines(merged / "spk2utt", spk2utt_of(read_utt2spk(merged)))
        if frame_shift:
            copy_whole(frame_shift, merged, ["frame_shift"])
        if settings:
            copy_whole(settings, merged, [SETTINGS])
        if target.exists():
            shutil.rmtree(target)
        merged.rename(target)
