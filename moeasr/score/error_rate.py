"""Word and character error rates of a test set.

WER: words are separated by spaces, but each character of a script without spaces between words is a
word, as in `moeasr.text.scripts.split_words`. The WER of a Chinese text is therefore its character
error rate without spaces, and that of code-switching text is the mixed error rate, as in WeNet's
`compute-wer.py --char=1`. The evaluation after each epoch of a training counts the same words.

CER: characters of the whole transcript. The space between two words counts as a character, as in
ESPnet (including its AN4 results) and in jiwer's default; `count_spaces=False` leaves spaces out.
`<unk>` and non-linguistic symbols such as `<noise>` count as one character each.

Alignments have the minimum number of errors, each with cost 1, as in Kaldi, WeNet and jiwer. NIST
sclite instead uses cost 4 for a substitution, 3 for an insertion and 3 for a deletion. Therefore it

- sometimes divides the same number of errors differently: for the reference `a b` and the
  hypothesis `b c`, two substitutions cost 8, a deletion and an insertion around the `b` cost 6;
- sometimes counts more than the minimum number of errors: five substitutions (20) cost more than
  three deletions and three insertions (18), which are six errors.

Totals therefore agree with sclite's except in rare utterances, but the division into substitutions,
deletions and insertions may differ. sclite also ignores letter case unless called with `-s`; moeasr
always distinguishes upper and lower case.

A test set whose references are all empty, such as one of noise, has an error rate of 0 %, as in
sclite. Its errors are the numbers of inserted words and of wrong utterances.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from moeasr.errors import InputError
from moeasr.score.alignment import Counts, Step, align, count
from moeasr.score.bootstrap import bootstrap_interval
from moeasr.text.characters import CharSplitter
from moeasr.text.normalize import SPACE_UNIT
from moeasr.text.scripts import split_words

MissingMode = Literal["strict", "present", "all"]
SPACE_TOKEN = "<space>"


@dataclasses.dataclass(frozen=True)
class Pair:
    """A reference with its hypothesis."""

    utt_id: str
    ref: str
    hyp: str


@dataclasses.dataclass(frozen=True)
class UtteranceScore:
    """The alignment of one utterance and its counts."""

    utt_id: str
    steps: tuple[Step, ...]
    counts: Counts


@dataclasses.dataclass(frozen=True)
class ErrorRate:
    """The error rate of a test set, with the alignment and the counts of each utterance."""

    utterances: tuple[UtteranceScore, ...]

    @property
    def total(self) -> Counts:
        """Sum of the counts of all utterances."""
        return sum((utterance.counts for utterance in self.utterances), Counts())

    @property
    def percent(self) -> float:
        """The error rate in percent."""
        return self.total.percent

    @property
    def num_wrong_utts(self) -> int:
        """Number of utterances with at least one error."""
        return sum(utterance.counts.num_errors > 0 for utterance in self.utterances)

    def interval(self, num_resamples: int = 10_000, seed: int = 0) -> tuple[float, float]:
        """Compute the 95 % bootstrap interval over utterances, in percent.

        Without reference tokens, both ends are 0, as the error rate is.
        """
        if not self.total.num_ref:
            return 0.0, 0.0
        errors = [utterance.counts.num_errors for utterance in self.utterances]
        lengths = [utterance.counts.num_ref for utterance in self.utterances]
        return bootstrap_interval(errors, lengths, num_resamples=num_resamples, seed=seed)


def pair_up(
    refs: Mapping[str, str], hyps: Mapping[str, str], missing: MissingMode = "strict"
) -> list[Pair]:
    """Match each reference with its hypothesis, in the order of the references.

    Hypotheses without a reference are ignored, as in Kaldi.

    Args:
        refs: Utterance id -> normalised transcript, see `moeasr.text.normalize`.
        hyps: Utterance id -> normalised text of the hypothesis.
        missing: Treatment of a reference without hypothesis, in Kaldi's terms: raise an error
            (`strict`), ignore it (`present`), or use an empty hypothesis (`all`).

    Raises:
        InputError: A hypothesis is missing with `strict`, or no utterance remains.
    """
    if missing == "strict":
        require_hypotheses(len(refs), [utt_id for utt_id in refs if utt_id not in hyps])
    pairs = [
        Pair(utt_id, ref, hyps.get(utt_id, ""))
        for utt_id, ref in refs.items()
        if utt_id in hyps or missing == "all"
    ]
    if not pairs:
        raise InputError("none of the references has a hypothesis")
    return pairs


def require_hypotheses(num_refs: int, absent: Sequence[str]) -> None:
    """Raise `InputError` if utterances have no hypothesis.

    Args:
        num_refs: Number of utterances with a reference.
        absent: Ids of the utterances without hypothesis.
    """
    if absent:
        shown = " ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
        raise InputError(f"{len(absent)} of {num_refs} utterances have no hypothesis: {shown}")


def word_error_rate(pairs: Sequence[Pair]) -> ErrorRate:
    """Align the words of each reference and its hypothesis, see `split_words`."""
    return _error_rate(pairs, split_words)


def character_error_rate(
    pairs: Sequence[Pair], count_spaces: bool = True, non_lang_syms: Sequence[str] = ()
) -> ErrorRate:
    """Align the characters of each reference and its hypothesis.

    Args:
        pairs: References with hypotheses.
        count_spaces: True to count a space as a character, shown as `<space>`; False to ignore
            spaces.
        non_lang_syms: Symbols that count as one character each.
    """
    splitter = CharSplitter(non_lang_syms)

    def characters(text: str) -> list[str]:
        units = splitter.split(text)
        if count_spaces:
            return [SPACE_TOKEN if unit == SPACE_UNIT else unit for unit in units]
        return [unit for unit in units if unit != SPACE_UNIT]

    return _error_rate(pairs, characters)


def group_by_speaker(
    rate: ErrorRate, utt2spk: Mapping[str, str]
) -> dict[str, tuple[UtteranceScore, ...]]:
    """Group utterances by speaker, with speakers in C order.

    Raises:
        InputError: An utterance has no speaker.
    """
    groups: dict[str, list[UtteranceScore]] = {}
    for utterance in rate.utterances:
        if utterance.utt_id not in utt2spk:
            raise InputError(f"utterance '{utterance.utt_id}' has no speaker")
        groups.setdefault(utt2spk[utterance.utt_id], []).append(utterance)
    return {speaker: tuple(groups[speaker]) for speaker in sorted(groups)}


def _error_rate(pairs: Sequence[Pair], split: Callable[[str], list[str]]) -> ErrorRate:
    alignments = align([split(pair.ref) for pair in pairs], [split(pair.hyp) for pair in pairs])
    return ErrorRate(
        tuple(
            UtteranceScore(pair.utt_id, tuple(steps), count(steps))
            for pair, steps in zip(pairs, alignments)
        )
    )
