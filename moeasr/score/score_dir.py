"""Scoring of decoded test sets: a data directory and hypotheses give the files of `score/`."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.plurals import counted
from moeasr.score.alignment import Counts
from moeasr.score.details import ops_text, per_spk_text, per_utt_text
from moeasr.score.error_rate import (
    ErrorRate,
    MissingMode,
    Pair,
    character_error_rate,
    pair_up,
    word_error_rate,
)
from moeasr.score.lines import kaldi_rate_line, kaldi_sentence_lines, wenet_line
from moeasr.score.trn import trn_text
from moeasr.strict_json import to_json
from moeasr.text.transcript import read_transcripts, read_utt2spk


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Options of scoring: missing hypotheses, spaces and symbols in the CER, and bootstrap."""

    missing: MissingMode = "strict"
    """Treatment of references without hypothesis; see `pair_up`."""
    cer_spaces: bool = True
    """True if a space counts as a character."""
    non_lang_syms: tuple[str, ...] = ()
    """Symbols that count as one character each."""
    num_resamples: int = 10_000
    """Number of bootstrap samples."""
    seed: int = 0
    """Seed of the bootstrap."""


@dataclasses.dataclass(frozen=True)
class References:
    """The references of a data directory."""

    name: str
    """Name of the directory."""
    texts: Mapping[str, str]
    utt2spk: Mapping[str, str]

    @classmethod
    def read(cls, data_dir: str | Path) -> "References":
        """Read `text` and `utt2spk`.

        Raises:
            InputError: A file is missing or invalid, or an utterance has no speaker.
        """
        data_dir = Path(data_dir)
        texts = read_transcripts(data_dir / "text")
        utt2spk = read_utt2spk(data_dir / "utt2spk")
        for utt_id in texts:
            if utt_id not in utt2spk:
                raise InputError(f"{data_dir / 'utt2spk'}: utterance '{utt_id}' has no speaker")
        return cls(data_dir.resolve().name, texts, utt2spk)


def find_mode_dirs(decode_dir: str | Path) -> list[Path]:
    """Return `decode_dir` if it contains hypotheses (`text`), otherwise its subdirectories that do.

    Raises:
        InputError: Neither the directory nor a subdirectory contains hypotheses.
    """
    decode_dir = Path(decode_dir)
    if (decode_dir / "text").is_file():
        return [decode_dir]
    found = sorted(path.parent for path in decode_dir.glob("*/text"))
    if not found:
        raise InputError(
            f"{decode_dir} contains no hypotheses (file `text`), nor do its subdirectories"
        )
    return found


def score_mode_dir(
    mode_dir: Path, references: References, options: ScoreOptions, command: str
) -> dict[str, Any]:
    """Score `mode_dir/text` and write `mode_dir/score/`.

    `score.json` is written last and marks the directory complete. It holds rates and intervals in
    percent, counts, the command, and the checksum of the hypotheses. By the checksum,
    `results_table.gather` detects hypotheses that changed after scoring.

    Args:
        mode_dir: The directory with the hypotheses.
        references: The references.
        options: The options of scoring.
        command: The command line that reproduces the score.

    Returns:
        The content of `score.json`, and Kaldi's line under the key `wer_line`.

    Raises:
        InputError: Hypotheses are missing or unreadable; the message names them.
    """
    hyp_path = mode_dir / "text"
    hyps = read_transcripts(hyp_path)
    try:
        pairs = pair_up(references.texts, hyps, options.missing)
    except InputError as error:
        raise InputError(f"{hyp_path}: {error}") from None
    num_foreign = len(hyps.keys() - references.texts.keys())
    if num_foreign:
        get_logger(__name__).warning(
            "%s: %s not in %s (not scored)",
            *(hyp_path, counted(num_foreign, "utterance is", "utterances are"), references.name),
        )
    if not any(pair.ref for pair in pairs):
        get_logger(__name__).warning(
            "%s: the transcripts contain no words, so the error rates are 0 %%, as in sclite; look "
            "at the numbers of inserted words and of wrong utterances (%%SER)",
            references.name,
        )
    num_absent = len(references.texts.keys() - hyps.keys())
    words = word_error_rate(pairs)
    chars = character_error_rate(pairs, options.cer_spaces, options.non_lang_syms)
    summary = _summary(words, chars, references, options, num_absent)
    summary["hyp_sha256"] = checksum(hyp_path)
    summary["command"] = command
    files = _detail_files(pairs, words, chars, references.utt2spk, summary)
    score_dir = mode_dir / "score"
    (score_dir / "score.json").unlink(missing_ok=True)
    for name, content in (files | {"score.json": to_json(summary, indent=1) + "\n"}).items():
        with atomic_path(score_dir / name) as temporary:
            temporary.write_text(content, encoding="utf-8", newline="\n")
    return summary | {"wer_line": kaldi_rate_line(words, "WER", num_absent)}


def checksum(path: Path) -> str:
    """Compute the SHA-256 checksum of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _summary(
    words: ErrorRate,
    chars: ErrorRate,
    references: References,
    options: ScoreOptions,
    num_absent: int,
) -> dict[str, Any]:
    word_counts, char_counts = words.total, chars.total
    return {
        "set": references.name,
        "wer": round(words.percent, 4),
        "wer_ci": _interval(words, options),
        "cer": round(chars.percent, 4),
        "cer_ci": _interval(chars, options),
        "ser": round(100.0 * words.num_wrong_utts / len(words.utterances), 4),
        "num_utts": len(words.utterances),
        "num_wrong_utts": words.num_wrong_utts,
        "num_absent": num_absent,
        "num_unscored": len(references.texts) - len(words.utterances),
        "num_words": word_counts.num_ref,
        "num_chars": char_counts.num_ref,
        "words": _counts(word_counts),
        "chars": _counts(char_counts),
        "cer_spaces": options.cer_spaces,
        "num_resamples": options.num_resamples,
        "bootstrap_seed": options.seed,
    }


def _interval(rate: ErrorRate, options: ScoreOptions) -> list[float]:
    ends = rate.interval(options.num_resamples, options.seed)
    return [round(end, 4) for end in ends]


def _counts(counts: Counts) -> dict[str, int]:
    return {**dataclasses.asdict(counts), "errors": counts.num_errors}


def _detail_files(
    pairs: list[Pair],
    words: ErrorRate,
    chars: ErrorRate,
    utt2spk: Mapping[str, str],
    summary: Mapping[str, Any],
) -> dict[str, str]:
    """Return the detail files of a score: file name -> content."""
    num_absent = summary["num_absent"]
    tail = "95 % interval [ {:.2f}, {:.2f} ] by bootstrap over utterances"
    return {
        "wer": "\n".join(
            [
                kaldi_rate_line(words, "WER", num_absent),
                *kaldi_sentence_lines(words, num_absent),
                wenet_line(words),
                tail.format(*summary["wer_ci"]) + "\n",
            ]
        ),
        "cer": "\n".join(
            [
                kaldi_rate_line(chars, "CER", num_absent),
                *kaldi_sentence_lines(chars, num_absent),
                wenet_line(chars),
                tail.format(*summary["cer_ci"]) + "\n",
            ]
        ),
        "per_utt": per_utt_text(words),
        "per_spk": per_spk_text(words, utt2spk),
        "ops": ops_text(words),
        "cer_per_utt": per_utt_text(chars),
        "cer_per_spk": per_spk_text(chars, utt2spk),
        "cer_ops": ops_text(chars),
        "ref.trn": trn_text(((pair.utt_id, pair.ref) for pair in pairs), utt2spk),
        "hyp.trn": trn_text(((pair.utt_id, pair.hyp) for pair in pairs), utt2spk),
    }
