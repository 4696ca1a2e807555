"""The results of an experiment: all its scores as records, and as a page to read.

A record joins what `decode.json` says of the decoding (model, mode, speed, command) with what
`score.json` says of the hypotheses, so that every number carries what made it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.score.record import check_kinds
from moeasr.score.score_dir import checksum
from moeasr.score.staleness import stale_reason

_FROM_DECODE = (
    "set",
    "mode",
    "chunk_size",
    "beam_size",
    "rtf",
    "audio_sec",
    "num_threads",
    "total_params",
    "active_params",
    "commit",
    "config",
    "seed",
    "device",
    "checkpoint",
    "train_command",
    "command",
)
_FROM_SCORE = ("wer", "wer_ci", "cer", "cer_ci", "num_utts", "num_words")
_PROVENANCE = ("commit", "config", "seed", "device", "num_threads", "checkpoint")
_COMMANDS = ("train_command", "command", "score_command")
_HEADER = (
    "mode",
    "chunk",
    "WER % [95 % interval]",
    "CER %",
    "ins / del / sub",
    "RTF",
    "parameters total / active",
)


def gather(exp_dir: str | Path) -> list[dict[str, Any]]:
    """One record for each decoded and scored mode of an experiment, by set, then mode, then chunk.

    Looks at `decode_*/<mode>/` with both `decode.json` and `score/score.json`; a directory with
    only one of them is unfinished and is left out with a warning. Decodings that are older than
    their model or features are kept, with a warning and the reason under the key `stale`, which is
    None for all others. `dir` is the directory below `exp_dir`.

    Raises:
        InputError: Nothing is scored, a file cannot be read, or hypotheses changed after scoring.
    """
    exp_dir = Path(exp_dir)
    if not exp_dir.is_dir():
        raise InputError(f"experiment directory {exp_dir} does not exist")
    mode_dirs = {path.parent for path in exp_dir.glob("decode_*/*/decode.json")}
    mode_dirs |= {path.parents[1] for path in exp_dir.glob("decode_*/*/score/score.json")}
    records = []
    for mode_dir in sorted(mode_dirs):
        missing = [
            name for name in ("decode.json", "score/score.json") if not (mode_dir / name).is_file()
        ]
        if missing:
            get_logger(__name__).warning("%s left out: it has no %s", mode_dir, missing[0])
        else:
            record = {**_read_record(mode_dir), "dir": str(mode_dir.relative_to(exp_dir))}
            records.append(record)
            if record["stale"]:
                get_logger(__name__).warning(
                    "%s is stale: %s; decode and score it again, or remove it",
                    *(mode_dir, record["stale"]),
                )
    if not records:
        raise InputError(f"{exp_dir} has no decode_*/<mode>/ that is both decoded and scored")
    # Full context (-1) is the longest chunk there is: it comes first, then 32, 16, 8.
    records.sort(key=lambda r: (r["set"], r["mode"], r["chunk_size"] > 0, -r["chunk_size"]))
    return records


def results_page(records: Sequence[Mapping[str, Any]], name: str) -> str:
    """The records as Markdown: a table for each test set, then how each number was made.

    Args:
        records: As `gather` returns them.
        name: The experiment's name, for the title.
    """
    blocks = [f"# Results of {name}"]
    for test_set in dict.fromkeys(record["set"] for record in records):
        chosen = [record for record in records if record["set"] == test_set]
        blocks.append(_set_block(test_set, chosen))
    blocks.append(_provenance_block(records))
    return "\n\n".join(blocks) + "\n"


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: It is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"file {path} does not exist") from None
    except (ValueError, RecursionError) as error:  # also of bytes, and of numbers without end
        raise InputError(f"{path} is not JSON: {error}") from None


def _set_block(test_set: str, records: Sequence[Mapping[str, Any]]) -> str:
    first = min(records, key=lambda record: record["stale"] is not None)  # the set as it is now
    intro = (
        f"## {test_set}\n\n{first['num_utts']} utterances, {first['num_words']} words, "
        f"{first['audio_sec']:.1f} s of audio."
    )
    rows = [_HEADER, ["---"] * len(_HEADER), *(_row(record) for record in records)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    reasons = dict.fromkeys(record["stale"] for record in records if record["stale"])
    notes = [f"(stale): {reason}; decode and score again." for reason in reasons]
    return "\n\n".join([intro, table, *notes])


def _row(record: Mapping[str, Any]) -> list[str]:
    low, high = record["wer_ci"]
    chunk = record["chunk_size"]
    return [
        _mode_label(record) + (" (stale)" if record["stale"] else ""),
        str(chunk) if chunk > 0 else "full",
        f"{record['wer']:.2f} [{low:.2f}, {high:.2f}]",
        f"{record['cer']:.2f}",
        f"{record['ins']} / {record['dels']} / {record['subs']}",
        f"{record['rtf']:.4f}",
        f"{record['total_params'] / 1e6:.2f} M / {record['active_params'] / 1e6:.2f} M",
    ]


def _mode_label(record: Mapping[str, Any]) -> str:
    """The mode, and the directory of decodings that run.sh did not make."""
    folder = record["dir"].partition("/")[0]
    return record["mode"] + ("" if folder == f"decode_{record['set']}" else f", {folder}")


def _provenance_block(records: Sequence[Mapping[str, Any]]) -> str:
    """What made the numbers; modes that one command made share an entry."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for record in records:
        key = tuple(record[field] for field in (*_PROVENANCE, *_COMMANDS))
        chunk = f" chunk {record['chunk_size']}" if record["chunk_size"] > 0 else ""
        groups.setdefault(key, []).append(f"{record['set']} {_mode_label(record)}{chunk}")
    entries = ["## How these numbers were made"]
    for key, labels in groups.items():
        facts, commands = key[: len(_PROVENANCE)], key[len(_PROVENANCE) :]
        lines = [f"{', '.join(labels)}:", ""]
        lines += [f"- {field}: {fact}" for field, fact in zip(_PROVENANCE, facts)]
        lines += ["", "```", *commands, "```"]
        entries.append("\n".join(lines))
    return "\n\n".join(entries)


def _read_record(mode_dir: Path) -> dict[str, Any]:
    decode = _read_json(mode_dir / "decode.json", _FROM_DECODE)
    score_path = mode_dir / "score" / "score.json"
    score = _read_json(score_path, (*_FROM_SCORE, "words", "hyp_sha256", "command"))
    hyp_path = mode_dir / "text"
    if not hyp_path.is_file() or checksum(hyp_path) != score["hyp_sha256"]:
        raise InputError(f"{hyp_path} changed after it was scored; run score again")
    record = {key: decode[key] for key in _FROM_DECODE}
    record |= {key: score[key] for key in _FROM_SCORE}
    record |= {key: score["words"][key] for key in ("ins", "dels", "subs")}
    record["score_command"] = score["command"]
    record["stale"] = stale_reason(mode_dir)
    return record


def _read_json(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a JSON object")
    missing = [key for key in keys if key not in content]
    if missing:
        raise InputError(f"{path} lacks the key '{missing[0]}'")
    check_kinds(content, path)
    return content
