"""Utterances of a data directory, one example at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from moeasr.data.archive import FeatureReader
from moeasr.data.batch import Example
from moeasr.data.datadir import DataDir
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig, spec_augment
from moeasr.logs import get_logger

MAX_LISTED_UNITS = 20


class TextEncoder(Protocol):
    """What the data side needs of a tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`; units it does not know become `<unk>`."""
        ...

    def unknown(self, text: str) -> list[str]:
        """The units of `text` that become `<unk>`."""
        ...


@dataclass(frozen=True, kw_only=True)
class LengthLimits:
    """Utterances outside of these are left out of training."""

    min_frames: int = 10
    """Shortest utterance, frames."""
    max_frames: int = 3000
    """Longest utterance, frames."""
    max_tokens: int = 400
    """Longest transcript, tokens."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InputError: A value outside its range.
        """
        if not 0 <= self.min_frames <= self.max_frames:
            raise InputError(
                f"`min_frames` {self.min_frames} must be 0 or more, and `max_frames` "
                f"{self.max_frames} not below it"
            )
        if self.max_tokens < 1:
            raise InputError(f"`max_tokens` must be 1 or more, but is {self.max_tokens}")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is known of an utterance before it is read.

    Attributes:
        utt_id: Its name.
        feats: Where its features are, `archive:offset`.
        num_frames: Their length.
        text: Its transcript; empty where none is wanted.
        language: Its index in the model's languages; None where it has none.
    """

    utt_id: str
    feats: str
    num_frames: int
    text: str
    language: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An utterance that is left out, and why."""

    utt_id: str
    reason: str


class AsrDataset(torch.utils.data.Dataset):
    """Examples by (epoch, index): a pure function of (seed, epoch, index).

    Neither the order of access, nor the number of workers, nor how often a run was stopped changes
    an example, and so a resumed run sees what an unbroken one would have seen.

    Args:
        utterances: What there is.
        tokenizer: Makes tokens of transcripts; None leaves them empty (decoding).
        spec_augment: Masks to put on the features; None for none.
        fill: (F,) value under the masks: the corpus mean. None takes the utterance's own mean.
        seed: Of the masks.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        tokenizer: TextEncoder | None,
        spec_augment: SpecAugmentConfig | None,
        fill: torch.Tensor | None,
        seed: int,
    ) -> None:
        self._utterances = list(utterances)
        self._tokenizer = tokenizer
        self._spec_augment = spec_augment
        self._fill = fill
        self._seed = seed
        self._reader = FeatureReader()

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self._utterances)

    def __getitem__(self, key: tuple[int, int]) -> Example:
        """The example of utterance `index` in `epoch`.

        Raises:
            InputError: Its features cannot be read, or are not as long as the data directory says.
        """
        epoch, index = key
        utterance = self._utterances[index]
        feats = self._reader.read(utterance.feats, utterance.utt_id)
        if feats.size(0) != utterance.num_frames:
            raise InputError(
                f"features of utterance {utterance.utt_id} have {feats.size(0)} frames, but "
                f"utt2num_frames says {utterance.num_frames}"
            )
        if self._spec_augment is not None and epoch >= self._spec_augment.first_epoch:
            fill = feats.mean(0) if self._fill is None else self._fill
            feats = spec_augment(feats, self._spec_augment, self._generator(epoch, index), fill)
        token_ids = [] if self._tokenizer is None else self._tokenizer.encode(utterance.text)
        tokens = torch.tensor(token_ids, dtype=torch.int64)
        return Example(utterance.utt_id, feats, tokens, utterance.language)

    def _generator(self, epoch: int, index: int) -> torch.Generator:
        # a SeedSequence mixes its numbers: neighbouring epochs and indices are not alike
        sequence = np.random.SeedSequence([self._seed, epoch, index])
        return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


def load_utterances(
    data_dir: str | Path,
    tokenizer: TextEncoder | None,
    output_len: Callable[[int], int],
    limits: LengthLimits,
    languages: Sequence[str] = (),
) -> tuple[list[Utterance], list[Skipped]]:
    """The utterances of a data directory that a model can learn from, and the others with reasons.

    Units that the tokenizer does not know are kept as `<unk>`, and a warning counts them.

    Args:
        data_dir: Kaldi data directory with `feats.scp`; `text` is needed if `tokenizer` is given.
        tokenizer: Makes tokens of transcripts; None wants no transcripts (decoding).
        output_len: Frames after subsampling, of frames before: CTC needs one for each token, and
            one more between two that are equal.
        limits: Lengths to keep.
        languages: Those of a model that routes by language: every utterance with features must then
            have one of them in `utt2lang`.

    Returns:
        The usable utterances in the order of `feats.scp`, and those left out.

    Raises:
        InputError: The directory lacks `feats.scp` (or `text`), or these are malformed; or an
            utterance has none of the `languages`.
    """
    directory = DataDir(data_dir)
    texts = directory.text if tokenizer is not None else {}
    utterances: list[Utterance] = []
    skipped: list[Skipped] = []
    unknown: dict[str, int] = {}
    lengths = _FrameCounts(directory)
    language_ids = directory.language_ids(directory.feats, languages)
    for utt_id, entry in directory.feats.items():
        num_frames, text = lengths.of(utt_id, entry), texts.get(utt_id, "")
        utterance = Utterance(utt_id, entry, num_frames, text, language_ids.get(utt_id))
        reason = _length_fault(utterance.num_frames, output_len, limits)
        if reason is None and tokenizer is not None:
            try:
                reason = _text_fault(utterance, tokenizer, output_len, limits)
            except InputError as error:
                raise InputError(f"{directory.path / 'text'}: {utt_id}: {error}") from None
        if reason is not None:
            skipped.append(Skipped(utt_id, reason))
            continue
        utterances.append(utterance)
        if tokenizer is not None:
            for unit in tokenizer.unknown(utterance.text):
                unknown[unit] = unknown.get(unit, 0) + 1
    skipped += [Skipped(i, "it has no features") for i in texts if i not in directory.feats]
    _report(data_dir, skipped, unknown)
    return utterances, skipped


class _FrameCounts:
    """Lengths from `utt2num_frames`, and from the archives for what that file lacks."""

    def __init__(self, directory: DataDir) -> None:
        self._reader = FeatureReader()
        self._known = directory.num_frames if directory.has("utt2num_frames") else {}

    def of(self, utt_id: str, entry: str) -> int:
        if utt_id in self._known:
            return self._known[utt_id]
        return self._reader.num_frames(entry, utt_id)


def _length_fault(
    num_frames: int, output_len: Callable[[int], int], limits: LengthLimits
) -> str | None:
    if num_frames < limits.min_frames:
        return f"it has {num_frames} frames, fewer than min_frames = {limits.min_frames}"
    if num_frames > limits.max_frames:
        return f"it has {num_frames} frames, more than max_frames = {limits.max_frames}"
    if output_len(num_frames) < 1:
        return f"its {num_frames} frames leave none after subsampling"
    return None


def _text_fault(
    utterance: Utterance,
    tokenizer: TextEncoder,
    output_len: Callable[[int], int],
    limits: LengthLimits,
) -> str | None:
    token_ids = tokenizer.encode(utterance.text)
    if not token_ids:
        return "it has no transcript"
    if len(token_ids) > limits.max_tokens:
        return f"it has {len(token_ids)} tokens, more than max_tokens = {limits.max_tokens}"
    num_repeats = sum(a == b for a, b in zip(token_ids, token_ids[1:]))
    num_outputs = output_len(utterance.num_frames)
    if num_outputs < len(token_ids) + num_repeats:
        return (
            f"it is too short for CTC: {num_outputs} frames after subsampling for "
            f"{len(token_ids)} tokens and {num_repeats} repeats"
        )
    return None


def _report(data_dir: str | Path, skipped: list[Skipped], unknown: dict[str, int]) -> None:
    logger = get_logger(__name__)
    if skipped:
        logger.warning("%s: left out %d utterances:", data_dir, len(skipped))
    for item in skipped:
        logger.warning("  %s: %s", item.utt_id, item.reason)
    if unknown:
        total = sum(unknown.values())
        logger.warning("%s: %d units are not in the dictionary, kept as <unk>:", data_dir, total)
    common = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    for unit, count in common[:MAX_LISTED_UNITS]:
        logger.warning("  '%s': %d times", unit, count)
    if len(common) > MAX_LISTED_UNITS:
        logger.warning("  ... and %d other units", len(common) - MAX_LISTED_UNITS)
