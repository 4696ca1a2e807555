"""The types of values in `decode.json`, `score.json` and `results.json`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from moeasr.errors import InputError


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_fact(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _has_counts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_integer(value.get(key)) for key in ("ins", "dels", "subs")
    )


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("set", "mode", "hyp_sha256"), (_is_text, "text")),
    **dict.fromkeys(("train_command", "command", "score_command"), (_is_text, "text")),
    **dict.fromkeys(("chunk_size", "num_utts", "num_words"), (_is_integer, "a whole number")),
    **dict.fromkeys(("total_params", "active_params"), (_is_integer, "a whole number")),
    **dict.fromkeys(("ins", "dels", "subs"), (_is_integer, "a whole number")),
    **dict.fromkeys(("rtf", "audio_sec", "wer", "cer"), (_is_number, "a number")),
    **dict.fromkeys(("wer_ci", "cer_ci"), (_is_interval, "two numbers")),
    **dict.fromkeys(("commit", "config", "seed", "device"), (_is_fact, "text or a number")),
    **dict.fromkeys(("num_threads", "beam_size"), (_is_fact, "text or a number")),
    "checkpoint": (_is_fact, "text or a number"),
    "words": (_has_counts, "an object with the whole numbers ins, dels and subs"),
}


def check_kinds(record: Mapping[str, Any], path: Path) -> None:
    """Raise `InputError` if a value of a record does not have the type of its key.

    Args:
        record: The content of a JSON file; keys that are not in `KINDS` are not checked.
        path: The file, for the message.
    """
    for key, value in record.items():
        is_kind, wanted = KINDS.get(key, (lambda _: True, ""))
        if not is_kind(value):
            raise InputError(f"{path}: '{key}' must be {wanted}, but is {value!r:.100}")
