"""Removal of utterances with over-represented transcripts (remove_dup_utts.sh)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from moeasr.datadir.raw_tables import Lines, key, read_lines, read_utt2spk, rest
from moeasr.errors import InputError
from moeasr.kaldi.derive import Part, move_stale, require_source, write_parts
from moeasr.kaldi.speak import Say

STEP, MODULUS = 103349, 71147
"""Parameters of Kaldi's pseudo-random sequence, so that the same repetitions are kept."""


def limit_repetitions(lines: Sequence[bytes], max_count: int) -> Lines:
    """Keep about `max_count` lines of `text` per transcript, spread over the file.

    Args:
        lines: Lines `utterance word ...`.
        max_count: Approximate maximum number of lines with the same transcript. Transcripts with
            fewer lines are not changed.
    """
    transcriptions = [b" ".join(rest(line).split()) for line in lines]
    counts = Counter(transcriptions)
    kept, state = [], 0
    for line, transcription in zip(lines, transcriptions):
        count = counts[transcription]
        if count >= max_count:
            state = (state + STEP) % MODULUS
            if state / MODULUS >= max_count / count:
                continue
        kept.append(line)
    return kept


def remove_dup_utts(source: Path, target: Path, max_count: int, say: Say) -> tuple[int, int]:
    """Write a data directory without surplus utterances of over-represented transcripts.

    Args:
        source: A data directory with text.
        target: The directory to write.
        max_count: Approximate maximum number of utterances with the same transcript.
        say: Function that receives messages about the progress.

    Returns:
        The numbers of utterances in the text of the source and of the target.

    Raises:
        InputError: `max_count` is below 2, or the source has no text.
    """
    if max_count < 2:
        raise InputError(f"<max-count> must be at least 2, but is {max_count}")
    if not (source / "text").is_file():
        raise InputError(f"Invalid input directory {source}")
    require_source(source, target)
    lines = read_lines(source / "text")
    kept = {key(line) for line in limit_repetitions(lines, max_count)}
    pairs = [pair for pair in read_utt2spk(source) if pair[0] in kept]
    written = write_parts(source, [Part(target, pairs)])
    move_stale(source, target, written, say)
    return len(lines), len(kept)
