"""Look up the label of each utterance, such as its language in utt2lang."""

from pathlib import Path

import numpy as np

from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.labels import UNKNOWN, Labels


def label_ids(data_dir: Path, utt_ids: np.ndarray, labels: Labels) -> np.ndarray | None:
    """Return the index of the label of each utterance.

    Args:
        data_dir: A data directory that contains the table of the labels.
        utt_ids: (N,) utterance ids, as bytes.
        labels: The labels of a model. If it has no names, the table is read only to find labels
            that were dropped.

    Returns:
        (N,) indices into the names of `labels`, -1 for a label that is unknown and not required;
        None if the model has no labels, or if there is no table and none is required.

    Raises:
        InputError: The table is malformed, or names a label that was dropped from the model. Or
            labels are required, and the table is missing, has no line for an utterance, or names a
            label that the model does not know.
    """
    path, known = data_dir / labels.table, f"(the model knows {', '.join(labels.names)})"
    is_required = labels.is_required and bool(labels.names)
    if not path.is_file():
        if is_required:
            raise InputError(
                f"{path} does not exist, but a model that routes by {_noun(labels)} requires it "
                f"{known}"
            )
        return None
    if not labels.names and not labels.dropped:
        return None
    table = Table(path)
    numbers = {name: number for number, name in enumerate(labels.names)}
    ids = np.fromiter((numbers.get(name, UNKNOWN) for name in table.values()), np.int32, len(table))
    rows = table.rows_of(utt_ids)
    found = np.where(rows < 0, UNKNOWN, np.append(ids, UNKNOWN)[rows])
    for index in np.flatnonzero(found < 0).tolist():
        utt_id, row = utt_ids[index].decode(), int(rows[index])
        name = table[row][1] if row >= 0 else ""
        if name in labels.dropped:
            raise InputError(
                f"{path}: utterance {utt_id} has the {_noun(labels)} '{name}', whose experts were "
                "pruned from this model; use the checkpoint before pruning"
            )
        if is_required and not name:
            raise InputError(
                f"{path} names no {_noun(labels)} for utterance {utt_id}; its line must be "
                f"`{utt_id} {_noun(labels).upper()}` {known}"
            )
        if is_required:
            raise InputError(
                f"{path}: {_noun(labels)} '{name}' of utterance {utt_id} is unknown to the model "
                f"{known}"
            )
    return found if labels.names else None


def language_groups(
    data_dir: Path, utt_ids: np.ndarray, label_ids: np.ndarray | None = None
) -> np.ndarray | None:
    """Return numbers (N,) that are equal for utterances with the same language and label.

    Args:
        data_dir: A data directory, with utt2lang if the languages are known.
        utt_ids: (N,) utterance ids, as bytes.
        label_ids: (N,) labels of the utterances, see `label_ids`; None without labels.

    Returns:
        The numbers; None if there are neither languages nor labels.
    """
    path = data_dir / "utt2lang"
    if not path.is_file():
        return label_ids
    table = Table(path)
    _, numbers = np.unique(list(table.values()), return_inverse=True)
    rows = table.rows_of(utt_ids)
    found = np.where(rows < 0, UNKNOWN, np.append(numbers, UNKNOWN)[rows])
    if label_ids is None:
        return found
    return np.unique(np.stack([found, label_ids]), axis=1, return_inverse=True)[1].reshape(-1)


def check_repeated(data_dir: Path, ids: np.ndarray, labels: Labels) -> None:
    """Raise `InputError` unless a training set has at least two utterances of each label.

    Args:
        data_dir: The data directory, for the message.
        ids: (N,) indices into the names of `labels`.
        labels: The labels of a model.
    """
    counts = np.bincount(ids, minlength=len(labels.names))
    for name, count in zip(labels.names, counts.tolist()):
        if count < 2:
            times = "only one utterance" if count else "no utterance"
            raise InputError(
                f"{data_dir / labels.table}: {times} of the training set has the "
                f"{_noun(labels)} '{name}', so that a model cannot learn it; remove it from the "
                "config, or add utterances"
            )


def _noun(labels: Labels) -> str:
    """Return the kind of label as a word of messages."""
    return "language" if labels.kind == "lang" else labels.kind
