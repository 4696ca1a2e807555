"""The last step of make_fbank.sh, which gathers the features of parallel jobs."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from moeasr.datadir.full_tables import write_tables
from moeasr.datadir.raw_tables import read_lines
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say


def gather_feats(data: Path, scps: Sequence[Path], tables: Sequence[str], say: Say) -> None:
    """Concatenate the indices of parallel jobs into feats.scp, and further tables likewise.

    Args:
        data: The data directory.
        scps: One index per job, in order.
        tables: Suffixes of the further tables: `utt2dur` of `x.1.scp` is `x.1.utt2dur`.
        say: Receives a message that lists the utterances without features.

    Raises:
        InputError: A table of a job is missing, or `write_tables` fails. Nothing is written in this
            case.
    """
    files = {table: [scp.with_suffix(f".{table}") for scp in scps] for table in tables}
    files["feats.scp"] = list(scps)
    for path in chain.from_iterable(files.values()):
        if not path.is_file():
            raise InputError(f"no such file {path}")
    write_tables(data, {table: _concatenate(paths) for table, paths in files.items()}, say)


def _concatenate(paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the lines of all files, with one file at a time in memory."""
    for path in paths:
        yield from read_lines(path)
