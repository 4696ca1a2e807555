"""Tables made for the utterances of a data directory, written if they cover nearly all of them."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from moeasr.datadir.raw_tables import key, read_lines, show, write_lines
from moeasr.errors import InputError

MAX_LISTED = 50
"""Skipped utterances that are named before the rest are only counted."""


def write_tables(
    data: Path, tables: Mapping[str, Iterable[bytes]], say: Callable[[str], None]
) -> None:
    """Write tables about the utterances of a data directory, if they cover nearly all of them.

    Args:
        data: The data directory.
        tables: Name -> lines. The last table is read first and written last: it tells other
            programs that there are features.
        say: Receives the utterances that the last table lacks.

    Raises:
        InputError: The last table has fewer than 95 % of the utterances (Kaldi's rule). Nothing is
            written then.
    """
    *others, last = tables
    lines = list(tables[last])
    utts = read_lines(data / "utt2spk")
    made = set(map(key, lines))
    skipped = [utt for utt in map(key, utts) if utt not in made]
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
    for name in others:
        write_lines(data / name, tables[name])
    write_lines(data / last, lines)
