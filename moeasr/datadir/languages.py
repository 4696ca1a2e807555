"""Which of a model's languages each utterance is in, by utt2lang."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moeasr.datadir.table import Table
from moeasr.errors import InputError


def language_ids(
    data_dir: Path, utt_ids: np.ndarray, languages: Sequence[str]
) -> np.ndarray | None:
    """The languages of utterances, by number.

    Args:
        data_dir: With utt2lang.
        utt_ids: (N,) the utterances, as bytes.
        languages: The model's, in its order; if it has none, utt2lang is not read.

    Returns:
        (N,) indices in `languages`; None if there are none.

    Raises:
        InputError: utt2lang is missing or malformed, lacks an utterance, or gives it a language
            that the model does not know.
    """
    if not languages:
        return None
    path, known = data_dir / "utt2lang", f"(the model knows {', '.join(languages)})"
    if not path.is_file():
        raise InputError(f"{path}: no such file; a model that routes by language needs it {known}")
    table = Table(path)
    numbers = {language: number for number, language in enumerate(languages)}
    ids = np.fromiter((numbers.get(name, -1) for name in table.values()), np.int32, len(table))
    rows = table.rows_of(utt_ids)
    found = np.where(rows < 0, -1, np.append(ids, -1)[rows])
    if (found < 0).any():
        bad = int(np.argmax(found < 0))
        utt_id, name = utt_ids[bad].decode(), table[int(rows[bad])][1] if rows[bad] >= 0 else ""
        if not name:
            raise InputError(f"{path}: utterance {utt_id} has no language {known}")
        raise InputError(
            f"{path}: language '{name}' of utterance {utt_id} is not among the model's {known}"
        )
    return found
