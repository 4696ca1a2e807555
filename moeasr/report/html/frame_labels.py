"""Labels of encoder frames: unit, phone, blank, position, and the labels of their utterance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.report.html.routes import RoutedUtterance, Routes
from moeasr.text.tokenizer import Tokenizer
from moeasr.text_lines import read_lines

TABLES = {"utt2lang": "language", "utt2spk": "speaker", "utt2snr": "noise level"}
"""Tables of a data directory that label its utterances, with the names of the labels."""
NUM_POSITIONS = 10
"""Number of equally long parts of an utterance, for the label `position`."""
MAX_LEVELS = 6
"""Largest number of noise levels that are shown as they are; more are put into four groups."""
NO_LABEL = -1
"""Id of frames without a label."""


@dataclass(frozen=True, kw_only=True)
class FrameLabels:
    """One kind of label for the N frames of a data set."""

    name: str
    classes: tuple[str, ...]
    ids: np.ndarray
    """Class of each frame, (N,) int64; `NO_LABEL` for a frame without a label."""
    is_of_utterance: bool
    """True if all frames of an utterance have the same class."""
    is_ordered: bool = False
    """True if the order of the classes has a meaning."""

    @property
    def num_used(self) -> int:
        """Number of classes that at least one frame has."""
        return len(np.unique(self.ids[self.ids >= 0]))


def alignment_labels(routes: Routes, tokenizer: Tokenizer) -> list[FrameLabels]:
    """Return the labels that need no file: `unit`, `blank` and `position`.

    A frame has a unit if the CTC alignment of the transcript gives the frame to that unit. All
    other frames of aligned utterances are blanks.
    """
    units, blanks, positions = [], [], []
    for utterance in routes.utterances:
        ids = np.full(utterance.num_frames, NO_LABEL)
        for token, (start, end) in zip(utterance.tokens, utterance.spans):
            ids[start:end] = token
        is_aligned = len(utterance.spans) == len(utterance.tokens)
        units.append(ids)
        blanks.append(np.where(ids >= 0, 0, 1) if is_aligned else np.full_like(ids, NO_LABEL))
        positions.append(np.arange(utterance.num_frames) * NUM_POSITIONS // utterance.num_frames)
    parts = [f"{10 * part} to {10 * part + 10} %" for part in range(NUM_POSITIONS)]
    return [
        _of_frames("unit", tokenizer.units, units),
        _of_frames("blank", ("unit", "blank"), blanks),
        _of_frames("position", parts, positions, is_ordered=True),
    ]


def phone_labels(
    routes: Routes, tokenizer: Tokenizer, lexicon: Mapping[str, Sequence[str]]
) -> FrameLabels:
    """Return the label `phone`: the phones of each word divide the frames of the word evenly.

    The frames of a word start with the first frame of its first unit and end with the last frame of
    its last unit. Frames between words, and words that the lexicon lacks, have no label.

    Raises:
        InputError: The lexicon contains no word of the transcripts.
    """
    classes = sorted({phone for phones in lexicon.values() for phone in phones})
    numbers = {phone: number for number, phone in enumerate(classes)}
    labels = []
    for utterance in routes.utterances:
        ids = np.full(utterance.num_frames, NO_LABEL)
        for word, start, end in word_spans(utterance, tokenizer):
            phones = np.array([numbers[phone] for phone in lexicon.get(word, ())], dtype=np.int64)
            if phones.size:
                ids[start:end] = phones[np.arange(end - start) * phones.size // (end - start)]
        labels.append(ids)
    found = _of_frames("phone", classes, labels)
    if not found.num_used:
        raise InputError("the lexicon contains no word of the transcripts; check its letter case")
    return found


def word_spans(utterance: RoutedUtterance, tokenizer: Tokenizer) -> list[tuple[str, int, int]]:
    """Return the words of an aligned utterance, each with its first frame and the frame after."""
    if not utterance.spans:
        return []
    words = tokenizer.words(utterance.tokens)
    return [
        (word, utterance.spans[places[0]][0], utterance.spans[places[-1]][1])
        for word, places in words
    ]


def read_lexicon(path: str | Path) -> dict[str, list[str]]:
    """Read a lexicon: word -> phones, from `WORD PHONE PHONE ...` lines.

    Of several pronunciations of a word, the first counts.

    Raises:
        InputError: The file is missing, or a line has no phones.
    """
    lexicon: dict[str, list[str]] = {}
    for number, line in read_lines(path):
        fields = split_fields(line)
        if len(fields) < 2:
            raise InputError(f"{path}, line {number}: must be a word and its phones")
        lexicon.setdefault(fields[0], fields[1:])
    return lexicon


def utterance_labels(routes: Routes, data_dir: str | Path) -> list[FrameLabels]:
    """Return a label for each of `TABLES` that a data directory contains.

    Raises:
        InputError: A table lacks an utterance, or `utt2snr` holds something else than numbers.
    """
    found = []
    for file_name, name in TABLES.items():
        path = Path(data_dir) / file_name
        if not path.is_file():
            continue
        values = read_labels_of(path, [utterance.utt_id for utterance in routes.utterances])
        if file_name == "utt2snr":
            classes, ids = _noise_levels(path, values)
        else:
            classes = sorted(set(values))
            place = {value: number for number, value in enumerate(classes)}
            ids = [place[value] for value in values]
        frames = np.array(ids)[routes.utterance_of_frame]
        found.append(
            FrameLabels(
                name=name,
                classes=tuple(classes),
                ids=frames,
                is_of_utterance=True,
                is_ordered=file_name == "utt2snr",
            )
        )
    return found


def read_labels_of(path: Path, utt_ids: Sequence[str]) -> list[str]:
    """Return the labels of some utterances in a table.

    Raises:
        InputError: The table is malformed or lacks an utterance.
    """
    table = dict(Table(path).items())
    for utt_id in utt_ids:
        if not table.get(utt_id):
            raise InputError(
                f"{path} has no label of utterance {utt_id}; add its line, or remove the file to "
                "make the report without it"
            )
    return [table[utt_id] for utt_id in utt_ids]


def _noise_levels(path: Path, values: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the classes of signal-to-noise ratios in dB, and the class of each utterance.

    An infinite ratio means that there is no noise.
    """
    try:
        levels = np.array([float(value.split()[0]) for value in values])
    except ValueError:
        levels = np.array([np.nan])
    if not (levels > -np.inf).all():
        raise InputError(f"{path} must hold a signal-to-noise ratio in dB for each utterance")
    noisy = levels[levels < np.inf]
    distinct = np.unique(noisy)
    if len(distinct) <= MAX_LEVELS:
        classes = [f"{level:g} dB" for level in distinct]
        ids = np.searchsorted(distinct, levels)
    else:
        ends = np.quantile(noisy, [0.25, 0.5, 0.75])
        classes = [
            f"below {ends[0]:.1f} dB",
            *(f"{low:.1f} to {high:.1f} dB" for low, high in zip(ends, ends[1:])),
            f"from {ends[-1]:.1f} dB",
        ]
        ids = np.searchsorted(ends, levels, side="right")
    if len(noisy) < len(levels):
        ids[levels == np.inf] = len(classes)
        classes.append("no noise")
    return classes, ids.tolist()


def _of_frames(
    name: str, classes: Sequence[str], labels: Sequence[np.ndarray], is_ordered: bool = False
) -> FrameLabels:
    return FrameLabels(
        name=name,
        classes=tuple(classes),
        ids=np.concatenate(labels),
        is_of_utterance=False,
        is_ordered=is_ordered,
    )
