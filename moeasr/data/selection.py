"""The utterances of a data directory on which a model can be trained."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moeasr.data.data_type import DataType, StoredFeatures, find_data_type
from moeasr.data.token_counts import TextEncoder, count_tokens
from moeasr.data.utterance_lengths import TABLE, listed_lengths, measure_missing
from moeasr.datadir.left_out import write_left_out
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import Utterances
from moeasr.errors import InputError
from moeasr.labels import NO_LABELS, Labels
from moeasr.logs import get_logger
from moeasr.plurals import counted

MAX_LISTED_UNITS = 20


@dataclass(frozen=True, kw_only=True)
class LengthLimits:
    """Limits of utterance lengths; training leaves out utterances beyond them."""

    min_frames: int = 10
    """Minimum length of an utterance, frames."""
    max_frames: int = 3000
    """Maximum length of an utterance, frames."""
    max_tokens: int = 400
    """Maximum length of a transcript, tokens."""

    def __post_init__(self) -> None:
        """Check the ranges of the fields.

        Raises:
            InputError: A value is out of range.
        """
        if not 0 <= self.min_frames <= self.max_frames:
            raise InputError(
                f"`min_frames` ({self.min_frames}) must be 0 or more, and `max_frames` "
                f"({self.max_frames}) must not be less than `min_frames`"
            )
        if self.max_tokens < 1:
            raise InputError(f"`max_tokens` must be 1 or more, but is {self.max_tokens}")


@dataclass(frozen=True, slots=True)
class Skipped:
    """An utterance that is left out, and the reason."""

    utt_id: str
    reason: str


def load_utterances(
    data_dir: str | Path,
    tokenizer: TextEncoder | None,
    output_len: Callable[[int], int],
    limits: LengthLimits,
    labels: Labels = NO_LABELS,
    data_type: str = "feats",
    list_path: Path | None = None,
) -> tuple[Utterances, list[Skipped]]:
    """Load the utterances of a data directory, without those that a model cannot be trained on.

    Units that the tokenizer does not know become `<unk>`, and a warning counts them.

    Args:
        data_dir: Kaldi data directory with the tables of the data type; `text` is needed if
            `tokenizer` is given.
        tokenizer: Converts transcripts to tokens; None loads no transcripts (for decoding).
        output_len: Function from the number of frames before subsampling to the number after it.
            CTC needs one frame for each token, and one more between two equal tokens.
        limits: Limits of the lengths.
        labels: The labels that the model distinguishes, see `DataType.open`.
        data_type: One of `DATA_TYPES`.
        list_path: File for the utterances that are left out, each with the reason.

    Returns:
        The usable utterances in the order of the data type's table, and those left out.

    Raises:
        InputError: A table of the directory is missing or malformed, an utterance lacks a label
            that it needs, or no utterance can be used.
    """
    kind, data_dir = find_data_type(data_type), Path(data_dir)
    utterances = kind.open(data_dir, labels)
    num_frames = _read_lengths(data_dir, utterances, kind)
    lengths, places = np.unique(num_frames, return_inverse=True)
    output_lens = np.array([output_len(length) for length in lengths.tolist()], np.int64)[places]
    faults = _length_faults(num_frames, output_lens, limits)
    indices = _without(len(utterances), faults)
    unheard, unknown = [], Counter()
    utterances = dataclasses.replace(utterances, num_frames=num_frames)
    if tokenizer is not None:
        texts = Table(data_dir / "text")
        utterances = utterances.with_texts(texts)
        transcripts = _Transcripts(texts, utterances.text_rows, tokenizer)
        faults |= transcripts.faults(indices, output_lens, limits)
        indices = _without(len(utterances), faults)
        unknown = transcripts.unknown(indices)
        unheard = texts.keys[utterances.indices_of(texts.keys) < 0]
    utt_ids = utterances.utt_ids
    skipped = [Skipped(utt_ids[index].decode(), faults[index]) for index in sorted(faults)]
    skipped += [Skipped(key.decode(), f"it has no {kind.content}") for key in unheard]
    _report(data_dir, skipped, unknown, list_path)
    if not len(indices):
        reason = f": {skipped[0].utt_id}: {skipped[0].reason}" if skipped else ""
        raise InputError(f"{data_dir} contains no usable utterance{reason}")
    return utterances.select(indices), skipped


def _without(num_utts: int, faults: Collection[int]) -> np.ndarray:
    """Return the indices of the utterances without a fault."""
    return np.delete(np.arange(num_utts), list(faults))


def _read_lengths(data_dir: Path, utterances: Utterances, kind: DataType) -> np.ndarray:
    """Return the (N,) frame counts in `utt2num_frames`.

    Counts of stored features that are missing there are read from the archives.
    """
    if kind.open_audio is not None:
        kind.require(data_dir, TABLE)
    lengths = listed_lengths(data_dir, utterances)
    if kind.open_audio is not None and (lengths < 0).any():
        utt_id = utterances.utt_ids[int(np.argmax(lengths < 0))].decode()
        raise InputError(
            f"{data_dir / TABLE} has no line for utterance {utt_id}; run {kind.maker} again"
        )
    return measure_missing(lengths, utterances, StoredFeatures())


def _length_faults(
    num_frames: np.ndarray, output_lens: np.ndarray, limits: LengthLimits
) -> dict[int, str]:
    """Return the utterances whose length excludes them from training: index -> reason."""
    short, long = num_frames < limits.min_frames, num_frames > limits.max_frames
    faults = {}
    for index in np.flatnonzero(short | long | (output_lens < 1)).tolist():
        if short[index]:
            reason = f", fewer than min_frames = {limits.min_frames}"
        elif long[index]:
            reason = f", more than max_frames = {limits.max_frames}"
        else:
            frames = counted(num_frames[index], "frame leaves", "frames leave")
            faults[index] = f"its {frames} no frame after subsampling"
            continue
        faults[index] = f"it has {counted(num_frames[index], 'frame')}{reason}"
    return faults


class _Transcripts:
    """The transcripts of N utterances, which are checked for training.

    Args:
        texts: The `text` table of the set.
        rows: (N,) line of each utterance in `texts`; -1 for an utterance without a line.
        tokenizer: Converts transcripts to tokens.
    """

    def __init__(self, texts: Table, rows: np.ndarray, tokenizer: TextEncoder) -> None:
        self._texts = texts
        self._rows = rows
        self._tokenizer = tokenizer
        self._counts = count_tokens(texts, tokenizer)

    def faults(
        self, indices: np.ndarray, output_lens: np.ndarray, limits: LengthLimits
    ) -> dict[int, str]:
        """Return the utterances whose transcript excludes them from training: index -> reason.

        An utterance without a line in `text` is excluded. An empty transcript is allowed, because
        it means a recording without speech.

        Args:
            indices: (M,) indices of the utterances to check.
            output_lens: (N,) frames of all utterances after subsampling.
            limits: Limits of the lengths.

        Raises:
            InputError: The tokenizer rejects a transcript.
        """
        # the appended 0 is for the row -1
        num_tokens = np.append(self._counts.num_tokens, 0)[self._rows[indices]]
        num_repeats = np.append(self._counts.num_repeats, 0)[self._rows[indices]]
        num_outputs = output_lens[indices]
        for index in indices[num_tokens < 0]:
            utt_id, text = self._texts[int(self._rows[index])]
            try:
                self._tokenizer.encode(text)
            except InputError as error:
                raise InputError(f"{self._texts.path}: {utt_id}: {error}") from None
        faults = {}
        absent = self._rows[indices] < 0
        too_short = num_outputs < num_tokens + num_repeats
        bad = absent | (num_tokens > limits.max_tokens) | too_short
        for place in np.flatnonzero(bad).tolist():
            tokens = num_tokens[place]
            if absent[place]:
                reason = "it has no transcript"
            elif tokens > limits.max_tokens:
                reason = f"it has {tokens} tokens, more than max_tokens = {limits.max_tokens}"
            else:
                reason = (
                    f"it is too short for CTC: {counted(num_outputs[place], 'frame')} after "
                    f"subsampling for {counted(tokens, 'token')} and "
                    f"{counted(num_repeats[place], 'repeat')}"
                )
            faults[int(indices[place])] = reason
        return faults

    def unknown(self, indices: np.ndarray) -> Counter[str]:
        """Count the units that become `<unk>` in the transcripts of (M,) utterances."""
        units: Counter[str] = Counter()
        rows = self._rows[indices]
        for row in rows[self._counts.has_unknown[rows]].tolist():
            units.update(self._tokenizer.unknown(self._texts[row][1]))
        return units


def _report(
    data_dir: str | Path, skipped: list[Skipped], unknown: Counter[str], list_path: Path | None
) -> None:
    """Log one line about utterances that are left out, and one about unknown units."""
    logger = get_logger(__name__)
    if list_path is not None:
        write_left_out(list_path, {item.utt_id: item.reason for item in skipped})
    if skipped:
        logger.warning(
            "%s: left out %s, e.g. %s: %s%s",
            *(data_dir, counted(len(skipped), "utterance"), skipped[0].utt_id, skipped[0].reason),
            "" if list_path is None else f" ({list_path} lists all)",
        )
    if unknown:
        common = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:MAX_LISTED_UNITS]
        listed = ", ".join(f"{unit} ({counted(count, 'time')})" for unit, count in common)
        more = ", ..." if len(unknown) > len(common) else ""
        logger.warning(
            "%s: %s not in the dictionary (read as <unk>): %s%s",
            *(data_dir, counted(unknown.total(), "unit is", "units are"), listed, more),
        )
