"""Word and character error rates of a test set.

WER: words are what stands between white space; nothing is done for text without spaces, whose CER
is the rate to look at.

CER: characters of the whole transcript. The space between two words counts as a character, as in
ESPnet (its AN4 figures are of this kind) and in jiwer's default; `count_spaces=False` leaves
spaces out. `<unk>` and non-linguistic symbols such as `<noise>` count as one character each.

Alignments have the least number of errors, each counted 1, as in Kaldi, WeNet and jiwer. NIST
sclite instead weighs a substitution 4, an insertion 3 and a deletion 3. Hence it

- splits the same number of errors differently where it can: for the reference `a b` and the
  hypothesis `b c` two substitutions cost it 8, a deletion and an insertion around the `b` cost 6;
- now and then counts more errors than the least: five substitutions (20) cost it more than three
  deletions and three insertions (18), which are six errors.

So totals agree with sclite's but for one in many utterances, and splits need not.
sclite also ignores letter case unless called with `-s`, which we always heed.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from moeasr.errors import InputError
from moeasr.score.alignment import Counts, Step, align, count
from moeasr.score.bootstrap import bootstrap_interval
from moeasr.text.characters import CharSplitter
from moeasr.text.normalize import SPACE_UNIT

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
    """The alignment of one utterance and what it counts up to."""

    utt_id: str
    steps: tuple[Step, ...]
    counts: Counts


@dataclasses.dataclass(frozen=True)
class ErrorRate:
    """The error rate of a test set, utterance by utterance."""

    utterances: tuple[UtteranceScore, ...]

    @property
    def total(self) -> Counts:
        """Counts of all utterances together."""
        return sum((utterance.counts for utterance in self.utterances), Counts())

    @property
    def percent(self) -> float:
        """The error rate in percent."""
        return self.total.percent

    @property
    def num_wrong_utts(self) -> int:
        """Utterances with at least one error."""
        return sum(utterance.counts.num_errors > 0 for utterance in self.utterances)

    def interval(self, num_resamples: int = 10_000, seed: int = 0) -> tuple[float, float]:
        """The 95 % bootstrap interval over utterances, in percent."""
        errors = [utterance.counts.num_errors for utterance in self.utterances]
        lengths = [utterance.counts.num_ref for utterance in self.utterances]
        return bootstrap_interval(errors, lengths, num_resamples=num_resamples, seed=seed)


def pair_up(
    refs: Mapping[str, str], hyps: Mapping[str, str], missing: MissingMode = "strict"
) -> list[Pair]:
    """Put each reference with its hypothesis, in the references' order.

    Hypotheses without a reference are left out, as in Kaldi.

    Args:
        refs: Utterance id -> clean transcript.
        hyps: Utterance id -> clean recogniser output.
        missing: What a reference without hypothesis is, in Kaldi's words: an error (`strict`),
            left out (`present`), or an empty hypothesis (`all`).

    Raises:
        InputError: `strict` and hypotheses are missing; or nothing remains to score.
    """
    if missing == "strict":
        absent = [utt_id for utt_id in refs if utt_id not in hyps]
        check_references(refs.values(), len(refs), absent)
    pairs = [
        Pair(utt_id, ref, hyps.get(utt_id, ""))
        for utt_id, ref in refs.items()
        if utt_id in hyps or missing == "all"
    ]
    _require_words(pair.ref for pair in pairs)
    return pairs


def check_references(refs: Iterable[str], num_refs: int, absent: Sequence[str]) -> None:
    """Raise unless all references can be scored.

    Args:
        refs: The transcripts.
        num_refs: How many there are.
        absent: Ids of the utterances without hypothesis.

    Raises:
        InputError: Hypotheses are missing, or no reference has a word.
    """
    if absent:
        shown = " ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
        raise InputError(f"{len(absent)} of {num_refs} utterances have no hypothesis: {shown}")
    _require_words(refs)


def _require_words(refs: Iterable[str]) -> None:
    if not sum(map(bool, refs)):  # all are looked at: reading one may raise an error
        raise InputError("the references to score hold no words, so there is no error rate")


def word_error_rate(pairs: Sequence[Pair]) -> ErrorRate:
    """Align words."""
    return _error_rate(pairs, str.split)


def character_error_rate(
    pairs: Sequence[Pair], count_spaces: bool = True, non_lang_syms: Sequence[str] = ()
) -> ErrorRate:
    """Align characters.

    Args:
        pairs: References with hypotheses.
        count_spaces: A space is a character, shown as `<space>`; otherwise it is left out.
        non_lang_syms: Symbols of several characters that count as one.
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
    """The utterances of each speaker, speakers in C order.

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
