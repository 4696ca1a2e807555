r"""N-gram language models in ARPA files.

    \data\
    ngram 1=4
    ngram 2=2

    \1-grams:
    -1.2    <s>     -0.3
    -0.8    </s>
    -0.5    ONE     -0.2
    -0.7    TWO

    \2-grams:
    -0.1    <s> ONE
    -0.4    ONE </s>

    \end\

Each line is log10 P(w | h), the n-gram h w, and log10 of its back-off weight b (0 if absent), and
P(w | h) = b(h) P(w | h less its first word) where h w is not listed. Whatever stands before
`\data\` is a comment.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.text.normalize import normalize

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_SPECIAL_WORDS = (BEGIN, END, UNKNOWN)
_LN_10 = math.log(10.0)
_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")
_SECTION = re.compile(r"\\(\d+)-grams:")


class Ngram(NamedTuple):
    """Natural logarithms of an n-gram's probability and back-off weight."""

    log_prob: float
    log_backoff: float


@dataclass(frozen=True)
class NgramModel:
    """A back-off model. Words are numbered in the order of the file."""

    words: tuple[str, ...]
    """`<s>`, `</s>` and `<unk>` in small letters, however the file writes them."""
    ngrams: tuple[dict[tuple[int, ...], Ngram], ...]
    """Those of length 1, 2, ...: the word numbers -> its logarithms."""

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.ngrams)


def read_arpa(path: str | Path) -> NgramModel:
    """Read an ARPA file; one that ends in `.gz` is unpacked on the way.

    Raises:
        InputError: Naming file and line: it is missing, cut short, not of this form, or without
            `<s>` or `</s>`.
    """
    lines = _numbered_lines(Path(path))
    counts = _read_counts(lines, path)
    numbers: dict[str, int] = {}
    sections: list[dict[tuple[int, ...], Ngram]] = []
    for order, count in enumerate(counts, start=1):
        has_backoff = order < len(counts)
        shorter = sections[-1] if sections else {}
        sections.append(_read_section(lines, path, order, count, numbers, has_backoff, shorter))
    number, line = next(lines, (None, None))
    if line != "\\end\\":
        place = path if number is None else f"{path}:{number}"
        raise InputError(f"{place}: `\\end\\` must follow the {len(counts)}-grams")
    for word in (BEGIN, END):
        if word not in numbers:
            raise InputError(f"language model {path} has no `{word}` among its 1-grams")
    return NgramModel(tuple(numbers), tuple(sections))


def write_arpa(model: NgramModel, path: str | Path) -> None:
    """Write an ARPA file, packed if its name ends in `.gz`."""
    opener = gzip.open if Path(path).suffix == ".gz" else open
    with atomic_path(path) as temporary, opener(temporary, "wt", encoding="utf-8") as sink:
        sink.write("\\data\\\n")
        for order, section in enumerate(model.ngrams, start=1):
            sink.write(f"ngram {order}={len(section)}\n")
        for order, section in enumerate(model.ngrams, start=1):
            sink.write(f"\n\\{order}-grams:\n")
            for key, (log_prob, log_backoff) in section.items():
                words = " ".join(model.words[number] for number in key)
                backoff = f"\t{log_backoff / _LN_10:.7g}" if log_backoff else ""
                sink.write(f"{log_prob / _LN_10:.7g}\t{words}{backoff}\n")
        sink.write("\n\\end\\\n")


def _read_counts(lines: Iterator[tuple[int, str]], path: str | Path) -> list[int]:
    """The header from its `data` line on, with the line of the first section."""
    if not any(line == "\\data\\" for _, line in lines):
        raise InputError(f"{path} is no ARPA language model: it has no line `\\data\\`")
    counts: list[int] = []
    for number, line in lines:
        found = _COUNT.fullmatch(line)
        if found and int(found.group(1)) == len(counts) + 1:
            counts.append(int(found.group(2)))
        elif line == "\\1-grams:" and counts:
            return counts
        else:
            raise InputError(
                f"{path}:{number}: expected `ngram {len(counts) + 1}=COUNT` or `\\1-grams:`, "
                f"but here is '{line}'"
            )
    raise InputError(f"{path}: the file ends before `\\1-grams:`")


def _read_section(
    lines: Iterator[tuple[int, str]],
    path: str | Path,
    order: int,
    count: int,
    numbers: dict[str, int],
    has_backoff: bool,
    shorter: dict[tuple[int, ...], Ngram],
) -> dict[tuple[int, ...], Ngram]:
    """The n-grams of one length; 1-grams number their words on the way."""
    if order > 1:
        number, line = next(lines, (None, ""))
        if line != f"\\{order}-grams:":
            place = path if number is None else f"{path}:{number}"
            raise InputError(
                f"{place}: expected `\\{order}-grams:` after the {order - 1}-grams that "
                f"`\\data\\` counts, but here is '{line}'"
            )
    ngrams: dict[tuple[int, ...], Ngram] = {}
    for _ in range(count):
        number, line = next(lines, (None, ""))
        if number is None:
            raise InputError(f"{path}: the file ends after {len(ngrams)} of {count} {order}-grams")
        if _SECTION.fullmatch(line) or line == "\\end\\":
            raise InputError(
                f"{path}:{number}: `\\data\\` counts {count} {order}-grams, but there are "
                f"{len(ngrams)}"
            )
        key, ngram = _read_ngram(line, f"{path}:{number}", order, numbers, has_backoff)
        if order > 1 and key[:-1] not in shorter:
            history = " ".join(line.split()[1:order])
            raise InputError(f"{path}:{number}: '{history}' is not among the {order - 1}-grams")
        if key in ngrams:
            raise InputError(f"{path}:{number}: this {order}-gram stands there twice")
        ngrams[key] = ngram
    return ngrams


def _read_ngram(
    line: str, place: str, order: int, numbers: dict[str, int], has_backoff: bool
) -> tuple[tuple[int, ...], Ngram]:
    fields = line.split()
    if len(fields) not in (order + 1, order + 2):
        raise InputError(
            f"{place}: a {order}-gram is a logarithm, {order} words and perhaps a back-off weight, "
            f"but here are {len(fields)} fields"
        )
    try:
        values = [float(fields[0]), *(float(field) for field in fields[order + 1 :])]
    except ValueError:
        raise InputError(f"{place}: the logarithms in '{line}' are not all numbers") from None
    if any(math.isnan(value) or value == math.inf for value in values) or values[0] > 0:
        raise InputError(f"{place}: log10 of a probability must be 0 or less, not {fields[0]}")
    words = [_clean(word, place) for word in fields[1 : order + 1]]
    if order == 1:
        numbers.setdefault(words[0], len(numbers))
    for word in words:
        if word not in numbers:
            raise InputError(f"{place}: word '{word}' is not among the 1-grams")
    backoff = values[1] if has_backoff and len(values) > 1 else 0.0
    # -inf would make differences of scores undefined; 10^-99 is what ARPA files mean by never
    log_prob, log_backoff = (max(value, -99.0) * _LN_10 for value in (values[0], backoff))
    return tuple(numbers[word] for word in words), Ngram(log_prob, log_backoff)


def _clean(word: str, place: str) -> str:
    if word.lower() in _SPECIAL_WORDS:
        return word.lower()
    try:
        # a space unit is no text, but language models over units have it
        return word if "\u2581" in word else normalize(word)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, stripped line) of all lines that are not blank."""
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as handle:
            for number, raw in enumerate(handle, start=1):
                line = raw.decode("utf-8").strip()
                if line:
                    yield number, line
    except UnicodeDecodeError:
        raise InputError(f"{path}:{number}: not UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{path}:{number + 1}: not a whole gzip file") from None
    except OSError as error:
        raise InputError(f"language model {path}: {error.strerror}") from None
