"""Checks of the options of a comparison, which are made before any experiment runs."""

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from moeasr.compare.system_list import is_plain
from moeasr.errors import InputError


class SeriesOptions(NamedTuple):
    """The list of systems, and the texts of the options that `moeasr compare --help` describes."""

    list_file: str
    seeds: str
    jobs: str
    exp_dir: str
    train_opts: str
    run_opts: str
    only: str
    stage: str
    stop_stage: str


def whole_number(option: str, text: str, least: int = 0) -> int:
    """Return the value of an option that is a whole number.

    Raises:
        InputError: The value is not a whole number, or it is below `least`.
    """
    if not re.fullmatch("[0-9]+", text):
        raise InputError(f"{option} must be a whole number, but is '{text}'")
    if int(text) < least:
        raise InputError(f"{option} must be at least {least}")
    return int(text)


def seed_list(text: str) -> list[int]:
    """Return the seeds of `--seeds`.

    Raises:
        InputError: There are no seeds, a seed is not a whole number, or a seed appears twice.
    """
    seeds: list[int] = []
    for word in text.split():
        if not re.fullmatch("[0-9]+", word):
            raise InputError(f"--seeds must be whole numbers, but one is '{word}'")
        if int(word) in seeds:
            raise InputError(f"--seeds contains {word} twice")
        seeds.append(int(word))
    if not seeds:
        raise InputError("--seeds is empty")
    return seeds


def experiments_directory(text: str) -> str:
    """Return the directory of `--exp-dir` without a slash at its end.

    Raises:
        InputError: The name has characters that `run.sh` would split or expand.
    """
    if not is_plain(text):
        raise InputError(
            f"--exp-dir '{text}' has characters other than letters, digits and _./:,=+@%-"
        )
    return text.removesuffix("/") or text


def words_for_run_sh(text: str) -> list[str]:
    """Split `--run-opts` into arguments as a shell does, with quotes but without any evaluation.

    Raises:
        InputError: A quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError:
        raise InputError(f"--run-opts has an unmatched quote: {text}") from None


def option_value(option: str, scripts: Iterable[str], run_words: Sequence[str]) -> str:
    """Return the value of an option of `run.sh` from `--run-opts`, or else its default.

    Args:
        option: The name of the option, such as `--decode-modes`.
        scripts: The texts of scripts with lines such as `decode_modes="attention" # comment`.
        run_words: Arguments in `--run-opts`, where `-` and `_` are the same in a name.

    Returns:
        The items of the value, with one space between them; empty if the value is unknown.
    """
    values = [
        value
        for name, value in zip(run_words, run_words[1:], strict=False)
        if name.replace("_", "-") == option
    ]
    if values:
        return values[-1]
    variable = option.removeprefix("--").replace("-", "_")
    for script in scripts:
        if match := re.search(rf"^{variable}=([^#\n]*)", script, re.MULTILINE):
            return " ".join(match[1].strip().strip("\"'").split())
    return ""
