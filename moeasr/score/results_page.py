"""The page of results of an experiment, `RESULTS.md`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moeasr.plurals import counted
from moeasr.score.alignment import Step
from moeasr.score.examples import (
    choose_examples,
    example_lines,
    has_character_words,
    read_alignments,
)
from moeasr.score.results_table import is_partial, is_valid, rank
from moeasr.score.training_block import training_block

PROVENANCE_TITLE = "## How these numbers were made"
_PROVENANCE = ("commit", "config", "seed", "device", "num_threads", "checkpoint")
_COMMANDS = ("train_command", "command", "score_command")
_CHARACTER_WORDS = (
    "Each character of a script without spaces between words, such as Chinese, counts as a word. "
    "The WER of such text is its character error rate, and that of code-switching text is its "
    "mixed error rate."
)
_HEADER = (
    "mode",
    "chunk",
    "WER % [95 % interval]",
    "CER %",
    "ins / del / sub",
    "RTF",
    "parameters total / active",
)
_LEGEND = """\
WER and CER: errors in percent of the words and characters; ins, del, sub: inserted, deleted and
substituted words. Chunk: encoder frames that are decoded at a time; full: the whole utterance.
RTF: seconds of computing, without filter banks, per second of audio. Active: used by a frame."""


def results_page(records: Sequence[Mapping[str, Any]], exp_dir: Path) -> str:
    """Return the text of RESULTS.md.

    Each test set has a table, the mode with the lowest word error rate first, and some aligned
    hypotheses of that mode. The training and the origin of each number follow.

    Args:
        records: As `gather` returns them.
        exp_dir: The directory of the experiment.

    Raises:
        InputError: A file of the experiment is malformed.
    """
    blocks = [f"# Results of {exp_dir.resolve().name}", _LEGEND]
    for test_set in dict.fromkeys(record["set"] for record in records):
        chosen = [record for record in records if record["set"] == test_set]
        blocks.append(_set_block(test_set, chosen, exp_dir))
    training = training_block(exp_dir)
    if training is not None:
        blocks.append(training)
    blocks.append(_provenance_block(records))
    return "\n\n".join(blocks) + "\n"


def _set_block(test_set: str, records: Sequence[Mapping[str, Any]], exp_dir: Path) -> str:
    ranked = rank(records)
    first = min(records, key=lambda record: not is_valid(record))  # the current state of the set
    best = ranked[0] if is_valid(ranked[0]) else None
    intro = (
        f"## {test_set}\n\n{counted(first['num_utts'], 'utterance')}, "
        f"{counted(first['num_words'], 'word')}, "
        f"{first['audio_sec']:.1f} s of audio."
    )
    if best is not None:
        has_words = best["num_words"] > 0
        rate = f"{best['wer']:.2f} % WER" if has_words else counted(best["ins"], "inserted word")
        intro += f" Best: {_mode_label(best)}, {rate}."
    table = _table([_HEADER, *(_row(r, is_best=r is best) for r in ranked)])
    reasons = dict.fromkeys(record["stale"] for record in records if record["stale"])
    notes = [f"(stale): {reason}; decode and score again." for reason in reasons]
    if any(record["num_unscored"] for record in records):
        notes.append("(partial): utterances without hypothesis were not scored; decode them.")
    few = [record for record in records if record["num_utts"] < record["num_decoded"]]
    if few:
        notes.append(
            f"(partial): of {counted(few[0]['num_decoded'], 'decoded utterance')}, "
            f"{few[0]['num_utts']} were scored; score with the data directory that was decoded."
        )
    if has_character_words(_read_alignments(exp_dir / first["dir"])):
        notes.append(_CHARACTER_WORDS)
    return "\n\n".join([intro, table, *notes, *_examples(best, exp_dir)])


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are also aligned on a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    head, *lines = [[cell.ljust(width) for cell, width in zip(row, widths)] for row in rows]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _examples(best: Mapping[str, Any] | None, exp_dir: Path) -> list[str]:
    """Return some hypotheses of the best decoding mode, aligned with their references.

    The list is empty if the file of alignments, `score/per_utt`, does not exist.
    """
    if best is None:
        return []
    alignments = _read_alignments(exp_dir / best["dir"])
    utt_ids, choice = choose_examples(alignments)
    if not utt_ids:
        return []
    intro = (
        f"Examples of {_mode_label(best)}: {choice} (S substituted, I inserted, D deleted; all "
        f"utterances are in `{best['dir']}/score/per_utt`):"
    )
    return [intro, "\n".join(["```text", *example_lines(alignments, utt_ids), "```"])]


def _read_alignments(mode_dir: Path) -> dict[str, list[Step]]:
    path = mode_dir / "score" / "per_utt"
    return read_alignments(path) if path.is_file() else {}


def _row(record: Mapping[str, Any], is_best: bool) -> list[str]:
    low, high = record["wer_ci"]
    chunk = record["chunk_size"]
    marks = {" (stale)": record["stale"], " (partial)": is_partial(record)}
    label = _mode_label(record) + "".join(mark for mark, holds in marks.items() if holds)
    return [
        f"**{label}** (best)" if is_best else label,
        str(chunk) if chunk > 0 else "full",
        f"{record['wer']:.2f} [{low:.2f}, {high:.2f}]",
        f"{record['cer']:.2f}",
        f"{record['ins']} / {record['dels']} / {record['subs']}",
        f"{record['rtf']:.4f}",
        f"{record['total_params'] / 1e6:.2f} M / {record['active_params'] / 1e6:.2f} M",
    ]


def _mode_label(record: Mapping[str, Any]) -> str:
    """Return the name of the mode, followed by its directory unless that is `decode_<set>`."""
    folder = record["dir"].partition("/")[0]
    return record["mode"] + ("" if folder == f"decode_{record['set']}" else f", {folder}")


def _provenance_block(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the origin of the numbers; modes that one command made share an entry."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for record in records:
        key = tuple(record[field] for field in (*_PROVENANCE, *_COMMANDS))
        chunk = f" chunk {record['chunk_size']}" if record["chunk_size"] > 0 else ""
        groups.setdefault(key, []).append(f"{record['set']} {_mode_label(record)}{chunk}")
    entries = [PROVENANCE_TITLE]
    for key, labels in groups.items():
        facts, commands = key[: len(_PROVENANCE)], key[len(_PROVENANCE) :]
        lines = [f"{', '.join(labels)}:", ""]
        lines += [f"- {field}: {fact}" for field, fact in zip(_PROVENANCE, facts)]
        lines += ["", "```", *commands, "```"]
        entries.append("\n".join(lines))
    return "\n\n".join(entries)
