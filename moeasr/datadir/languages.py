"""Look up the language of each utterance in utt2lang."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moeasr.datadir.table import Table
from moeasr.errors import InputError


def language_ids(
    data_dir: Path, utt_ids: np.ndarray, languages: Sequence[str]
) -> np.ndarray | None:
    """Return the language index of each utterance.

    Args:
        data_dir: A data directory that contains utt2lang.
        utt_ids: (N,) utterance ids, as bytes.
        languages: The model's languages, in the model's order. If it is empty, utt2lang is not
            read.

    Returns:
        (N,) indices into `languages`; None if `languages` is empty.

    Raises:
        InputError: utt2lang is missing or malformed, has no line for an utterance, or names a
            language that the model does not know.
    """
    if not languages:
        return None
    path, known = data_dir / "utt2lang", f"(the model knows {', '.join(languages)})"
    if not path.is_file():
        raise InputError(
            f"{path} does not exist, but a model that routes by language requires it {known}"
        )
    table = Table(path)
    numbers = {language: number for number, language in enumerate(languages)}
    ids = np.fromiter((numbers.get(name, -1) for name in table.values()), np.int32, len(table))
    rows = table.rows_of(utt_ids)
    found = np.where(rows < 0, -1, np.append(ids, -1)[rows])
    if (found < 0).any():
        bad = int(np.argmax(found < 0))
        utt_id, name = utt_ids[bad].decode(), table[int(rows[bad])][1] if rows[bad] >= 0 else ""
        if not name:
            raise InputError(
                f"{path} names no language for utterance {utt_id}; its line must be "
                f"`{utt_id} LANGUAGE` {known}"
            )
        raise InputError(
            f"{path}: language '{name}' of utterance {utt_id} is unknown to the model {known}"
        )
    return found
