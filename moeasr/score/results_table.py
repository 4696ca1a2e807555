"""The results of an experiment as records, one for each decoded and scored mode.

A record joins `decode.json` (model, mode, speed, command) with `score.json` (error rates), so that
every number has its origin beside it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
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


def gather(exp_dir: str | Path) -> list[dict[str, Any]]:
    """Return a record for each decoded and scored mode of an experiment.

    They are sorted by set, mode and chunk size. A directory `decode_*/<mode>/` needs `decode.json`
    and `score/score.json`. A mode with only one of them is left out with a warning. A decoding that
    is older than its model or features is kept with a warning. Its record has the reason under the
    key `stale`, which is None in all other records. `num_unscored` is the number of utterances
    without hypothesis, which were not scored, and `num_decoded` that of utterances with one. `dir`
    is the directory below `exp_dir`.

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
            get_logger(__name__).warning(
                "%s is left out, because it has no %s", mode_dir, missing[0]
            )
        else:
            record = {**_read_record(mode_dir), "dir": str(mode_dir.relative_to(exp_dir))}
            records.append(record)
            if record["stale"]:
                get_logger(__name__).warning(
                    "%s is stale: %s; decode and score it again, or remove it",
                    *(mode_dir, record["stale"]),
                )
    if not records:
        raise InputError(
            f"{exp_dir} has no decode_*/<mode>/ with hypotheses and scores; run stages 4 and 5"
        )
    # Sorted by chunk size in descending order: full context (-1) first, then 32, 16, 8.
    records.sort(key=lambda r: (r["set"], r["mode"], r["chunk_size"] > 0, -r["chunk_size"]))
    return records


def is_valid(record: Mapping[str, Any]) -> bool:
    """Return whether the scores of a record are those of the current model and the whole set."""
    return record["stale"] is None and not is_partial(record)


def is_partial(record: Mapping[str, Any]) -> bool:
    """Return whether only a part of the decoded set was scored.

    Either references have no hypothesis, or `--data-dir` of `moeasr score` was a smaller set.
    """
    return record["num_unscored"] > 0 or record["num_utts"] < record["num_decoded"]


def rank(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return records of one set with the lowest word error rate first, and invalid ones last."""
    return sorted(records, key=lambda r: (not is_valid(r), r["wer"], r["ins"]))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        InputError: The file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"file {path} does not exist") from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError covers invalid UTF-8 and numbers with too many digits
        raise InputError(f"{path} is not JSON: {error}") from None


def _read_record(mode_dir: Path) -> dict[str, Any]:
    decode = _read_json(mode_dir / "decode.json", _FROM_DECODE)
    score_path = mode_dir / "score" / "score.json"
    score = _read_json(score_path, (*_FROM_SCORE, "words", "hyp_sha256", "command"))
    hyp_path = mode_dir / "text"
    if not hyp_path.is_file() or checksum(hyp_path) != score["hyp_sha256"]:
        raise InputError(f"{hyp_path} changed after it was scored; run stage 5 again")
    record = {key: decode[key] for key in _FROM_DECODE}
    record |= {key: score[key] for key in _FROM_SCORE}
    record |= {key: score["words"][key] for key in ("ins", "dels", "subs")}
    # all utterances without hypothesis, in files of versions that did not write the number
    record["num_unscored"] = score.get("num_unscored", score.get("num_absent", 0))
    record["num_decoded"] = decode.get("num_utts", score["num_utts"])
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
