"""Put the features that parallel jobs made into their data directory: the end of make_fbank.sh."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from moeasr.datadir.raw_tables import Lines, keys, read_lines, show, write_lines
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say

MAX_LISTED = 50
"""Skipped utterances that are named before the rest are only counted."""


def gather_feats(data: Path, scps: Sequence[Path], tables: Sequence[str], say: Say) -> None:
    """Concatenate the jobs' feats.scp, and tables that lie beside them.

    Args:
        data: The data directory.
        scps: One index per job, in order.
        tables: Suffixes of further files: `utt2dur` of `x.1.scp` is `x.1.utt2dur`.
        say: Receives the utterances without features.

    Raises:
        InputError: As `write_tables`.
    """
    files = {table: [scp.with_suffix(f".{table}") for scp in scps] for table in tables}
    files["feats.scp"] = list(scps)
    write_tables(data, {table: _concatenate(paths) for table, paths in files.items()}, say)


def write_tables(data: Path, tables: Mapping[str, Lines], say: Say) -> None:
    """Write what was found out of the utterances of a directory, if it was of nearly all.

    Args:
        data: The data directory.
        tables: Name -> lines. The last one tells others that there are features: it is written
            last.
        say: Receives the utterances that it lacks.

    Raises:
        InputError: It has fewer than 95 % of the utterances (Kaldi's rule); nothing has been
            written then.
    """
    utts = keys(read_lines(data / "utt2spk"))
    made = set(keys(list(tables.values())[-1]))
    skipped = [utt for utt in utts if utt not in made]
    if skipped:
        listed = " ".join(map(show, skipped[:MAX_LISTED]))
        more = f" and {len(skipped) - MAX_LISTED} more" if len(skipped) > MAX_LISTED else ""
        say(f"skipped {len(skipped)} of {len(utts)} utterances (the logs say why): {listed}{more}")
        say(f"consider using utils/fix_data_dir.sh {data}")
    if len(utts) - len(skipped) < len(utts) - len(utts) // 20:
        raise InputError(
            "Less than 95% the features were successfully generated. Probably a serious error. "
            f"({len(utts) - len(skipped)} of {len(utts)} utterances of {data})"
        )
    for name, lines in tables.items():
        write_lines(data / name, lines)


def _concatenate(paths: Sequence[Path]) -> Lines:
    return [line for path in paths for line in read_lines(path)]
