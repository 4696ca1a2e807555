"""Tables about the utterances of a data directory, written if they cover nearly all utterances."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from moeasr.datadir.raw_tables import key, read_lines, show, write_lines
from moeasr.errors import InputError

MAX_LISTED = 50
"""Maximum number of skipped utterances that a message lists by name."""


def write_tables(
    data: Path, tables: Mapping[str, Iterable[bytes]], say: Callable[[str], None]
) -> None:
    """Write tables about the utterances of a data directory if they cover nearly all utterances.

    Args:
        data: The data directory.
        tables: Name -> lines. The last table is read first and written last, because its presence
            tells other programs that the features exist.
        say: Receives a message that lists the utterances missing from the last table.

    Raises:
        InputError: The last table covers less than 95 % of the utterances (Kaldi's rule). No table
            is written in this case.
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
        say(f"to remove them from all tables, run: utils/fix_data_dir.sh {data}")
    if len(utts) - len(skipped) < len(utts) - len(utts) // 20:
        raise InputError(
            f"{data}: only {len(utts) - len(skipped)} of {len(utts)} utterances have features, but "
            "at least 95 % must have them"
        )
    for name in others:
        write_lines(data / name, tables[name])
    write_lines(data / last, lines)
