"""Division of speakers into new speakers with a few utterances each (modify_speaker_info.sh)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moeasr.datadir.raw_tables import (
    BY_RECORDING,
    BY_UTTERANCE,
    WHOLE,
    label_tables,
    read_utt2spk,
    show,
    spk2utt_of,
    write_lines,
)
from moeasr.errors import InputError
from moeasr.kaldi.derive import Pairs, copy_whole, move_stale, require_source
from moeasr.kaldi.durations import read_durations, write_utt2dur
from moeasr.kaldi.speak import Say


@dataclass(frozen=True, kw_only=True)
class SpeakerLimits:
    """The maximum size of a new speaker."""

    max_utts: int = -1
    """Maximum number of utterances; a value below 1 means no limit."""
    max_sec: float = -1.0
    """Maximum total duration in seconds, unless a single utterance is longer; 0 or less means no
    limit."""


def group_utts(
    utts: Sequence[bytes], limits: SpeakerLimits, durations_sec: Mapping[bytes, float]
) -> Iterator[list[bytes]]:
    """Divide utterances, in their order, into groups within the limits; the last may be smaller.

    Args:
        utts: The utterances.
        limits: The limits of each group.
        durations_sec: Utterance -> seconds; used only if the duration is limited.
    """
    group: list[bytes] = []
    length_sec = 0.0
    for utt in utts:
        utt_sec = durations_sec[utt] if limits.max_sec > 0 else 0.0
        is_long = limits.max_sec > 0 and length_sec + utt_sec > limits.max_sec
        if group and (len(group) == limits.max_utts or is_long):
            yield group
            group, length_sec = [], 0.0
        group.append(utt)
        length_sec += utt_sec
    if group:
        yield group


def divide_speakers(
    pairs: Pairs, limits: SpeakerLimits, durations_sec: Mapping[bytes, float], respect: bool
) -> Pairs:
    """Assign new speakers to utterances.

    Args:
        pairs: Pairs (utterance, speaker).
        limits: The limits of each new speaker.
        durations_sec: As in `group_utts`.
        respect: True to divide each existing speaker into `<speaker>-1`, `<speaker>-2` and so on.
            False to ignore the existing speakers, and to name the new ones `speaker-1`, `speaker-2`
            and so on.

    Returns:
        Pairs (utterance, new speaker), sorted by old speaker if `respect`, else by utterance.
    """
    old: dict[bytes, list[bytes]] = {}
    for utt, speaker in pairs if respect else [(utt, b"speaker") for utt, _ in sorted(pairs)]:
        old.setdefault(speaker, []).append(utt)
    new: Pairs = []
    for speaker in sorted(old):
        groups = list(group_utts(old[speaker], limits, durations_sec))
        num_digits = len(str(len(groups)))  # leading zeros make names sort like numbers
        for number, group in enumerate(groups, start=1):
            name = speaker + f"-{number:0{num_digits}d}".encode()
            new += [(utt, name) for utt in group]
    return new


def modify_speaker_info(
    source: Path, target: Path, limits: SpeakerLimits, respect: bool, say: Say
) -> None:
    """Copy a data directory and assign new speakers to its utterances.

    Args:
        source: A data directory; utt2dur is written to it if it is needed and missing.
        target: The copy, without the tables of the old speakers.
        limits: The limits of each new speaker; at least one must be set.
        respect: As in `divide_speakers`.
        say: Function that receives messages about the progress.

    Raises:
        InputError: There is no limit, the source is incomplete, or both directories are the same.
    """
    if limits.max_utts < 1 and limits.max_sec <= 0:
        raise InputError(
            "at least one of the options --utts-per-spk-max and --seconds-per-spk-max must be given"
        )
    require_source(source, target)
    pairs = read_utt2spk(source)
    durations_sec = _durations(source, pairs, say) if limits.max_sec > 0 else {}
    new = divide_speakers(pairs, limits, durations_sec, respect)
    write_lines(target / "utt2spk", [utt + b" " + speaker for utt, speaker in new])
    write_lines(target / "spk2utt", spk2utt_of(new))
    written = ["utt2spk", "spk2utt"]
    written += copy_whole(
        source, target, (*BY_UTTERANCE, *label_tables(source), *BY_RECORDING, *WHOLE)
    )
    move_stale(source, target, written, say)
    num_old, num_new = (len({speaker for _, speaker in p}) for p in (pairs, new))
    say(
        f"copied data from {source} to {target}, number of speakers changed from {num_old} to "
        f"{num_new}"
    )


def _durations(source: Path, pairs: Pairs, say: Say) -> dict[bytes, float]:
    write_utt2dur(source, say)
    path = source / "utt2dur"
    durations_sec = read_durations(path)
    for utt, _ in pairs:
        if utt not in durations_sec:
            raise InputError(f"utterance {show(utt)} is not in {path}")
    return durations_sec
