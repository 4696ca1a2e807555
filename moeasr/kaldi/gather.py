"""Put the features that parallel jobs made into their data directory: the end of make_fbank.sh."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from moeasr.datadir.full_tables import write_tables
from moeasr.datadir.raw_tables import read_lines
from moeasr.errors import InputError
from moeasr.kaldi.speak import Say


def gather_feats(data: Path, scps: Sequence[Path], tables: Sequence[str], say: Say) -> None:
    """Concatenate the jobs' feats.scp, and tables that lie beside them.

    Args:
        data: The data directory.
        scps: One index per job, in order.
        tables: Suffixes of further files: `utt2dur` of `x.1.scp` is `x.1.utt2dur`.
        say: Receives the utterances without features.

    Raises:
        InputError: A job left no such table; or as `write_tables`. Nothing is written then.
    """
    files = {table: [scp.with_suffix(f".{table}") for scp in scps] for table in tables}
    files["feats.scp"] = list(scps)
    for path in chain.from_iterable(files.values()):
        if not path.is_file():
            raise InputError(f"no such file {path}")
    write_tables(data, {table: _concatenate(paths) for table, paths in files.items()}, say)


def _concatenate(paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the lines of all files, of which one at a time is in memory."""
    for path in paths:
        yield from read_lines(path)
