"""Tables about the utterances of a data directory, written if they cover nearly all utterances."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

from moeasr.datadir.left_out import write_left_out
from moeasr.datadir.raw_tables import key, read_lines, show, write_lines
from moeasr.errors import InputError

LEFT_OUT = "left_out.txt"
"""Name of the file in a data directory that lists utterances left out, each with the reason."""
MAX_SHOWN = 3
"""Maximum number of utterances, each with the reason, that an error message shows."""
NO_REASON = "the logs of the jobs say why"


def write_tables(
    data: Path,
    tables: Mapping[str, Iterable[bytes]],
    say: Callable[[str], None],
    reasons: Mapping[str, str],
) -> None:
    """Write tables about the utterances of a data directory if they cover nearly all utterances.

    Utterances that are left out are listed in the file `LEFT_OUT` of the directory.

    Args:
        data: The data directory.
        tables: Name -> lines. The last table is read first and written last, because its presence
            tells other programs that the features exist.
        say: Function that receives the number of utterances missing from the last table.
        reasons: Utterance -> reason why the last table lacks it.

    Raises:
        InputError: The last table covers less than 95 % of the utterances (Kaldi's rule). No table
            is written in this case.
    """
    *others, last = tables
    lines = list(tables[last])
    utts = read_lines(data / "utt2spk")
    made = set(map(key, lines))
    skipped = [show(utt) for utt in map(key, utts) if utt not in made]
    listed = {utt: reasons.get(utt, NO_REASON) for utt in skipped}
    write_left_out(data / LEFT_OUT, listed)
    if len(skipped) > len(utts) // 20:
        raise InputError(
            f"{data}: only {len(utts) - len(skipped)} of {len(utts)} utterances have features, but "
            f"at least 95 % must have them; {data / LEFT_OUT} lists the others with the reasons:\n"
            + "\n".join(f"{utt} {reason}" for utt, reason in islice(listed.items(), MAX_SHOWN))
        )
    if skipped:
        say(
            f"left out {len(skipped)} of {len(utts)} utterances; {data / LEFT_OUT} lists them with "
            f"the reasons, and utils/fix_data_dir.sh {data} removes them from all tables"
        )
    for name in others:
        write_lines(data / name, tables[name])
    write_lines(data / last, lines)
