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

Each line contains log10 P(w | h), the n-gram h w, and log10 of its back-off weight b (0 if absent).
For an n-gram h w that is not listed, P(w | h) = b(h) P(w | h'), where h' is h without its first
word. Everything before `\data\` is a comment. Fields are separated by plain spaces and tabs.
"""

import gzip
import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.fields import split_fields
from moeasr.logs import get_logger
from moeasr.plurals import counted
from moeasr.text.gzip_lines import gzip_lines
from moeasr.text.normalize import normalize

logger = get_logger(__name__)

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_SPECIAL_WORDS = (BEGIN, END, UNKNOWN)
_LN_10 = math.log(10.0)
_COUNT = re.compile(r"ngram[ \t]+([0-9]+)[ \t]*=[ \t]*([0-9]+)")
_SECTION = re.compile(r"\\([0-9]+)-grams:")

Key = tuple[int, ...]


class Ngram(NamedTuple):
    """The natural logarithms of an n-gram's probability and back-off weight."""

    log_prob: float
    log_backoff: float


@dataclass(frozen=True)
class NgramModel:
    """A back-off n-gram model. The id of a word is its position among the 1-grams of the file."""

    words: tuple[str, ...]
    """The words; `<s>`, `</s>` and `<unk>` are in lower case even if the file writes upper case."""
    ngrams: tuple[dict[Key, Ngram], ...]
    """N-grams of length 1, 2, ...: word ids -> logarithms. All histories are included, too."""

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return len(self.ngrams)


def read_arpa(path: str | Path) -> NgramModel:
    """Read an ARPA file, which is decompressed if its name ends in `.gz`.

    Pruning may leave a length without n-grams (`ngram 3=0`), or n-grams whose history is not
    listed. Both are accepted with a warning. A missing history is added with its back-off
    probability, so that the model's probabilities do not change.

    Raises:
        InputError: The file is missing, truncated or malformed, does not list `<s>` and `</s>`, or
            lists a word twice. The message names the file and line.
    """
    try:
        return _Reader(Path(path)).read()
    except OSError as error:
        raise InputError(f"language model {path}: {error.strerror}") from None


def write_arpa(model: NgramModel, path: str | Path) -> None:
    """Write an ARPA file, which is compressed if its name ends in `.gz`."""
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


class _Reader:
    """A reader of one ARPA file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = gzip_lines(path)
        self._numbers: dict[str, int] = {}
        self._spelled: list[str] = []
        """The words as spelled in the file."""
        self._sections: list[dict[Key, Ngram]] = []

    def read(self) -> NgramModel:
        """Read the whole file."""
        counts, heading = self._read_counts()
        for order, count in enumerate(counts, start=1):
            has_backoff = order < len(counts)
            if count == 0:
                logger.warning("%s: `ngram %d=0`: there are no %d-grams", self._path, order, order)
            if heading[1] == f"\\{order}-grams:":
                self._sections.append(self._read_section(order, count, has_backoff))
                heading = next(self._lines, (None, ""))
            elif count == 0:
                self._sections.append({})
            else:
                raise InputError(
                    f"{self._place(heading[0])}: expected `\\{order}-grams:` after the number of "
                    f"{order - 1}-grams given in `\\data\\`, but found '{heading[1]}'"
                )
        if heading[1] != "\\end\\":
            place = self._place(heading[0])
            raise InputError(f"{place}: `\\end\\` must follow the {len(counts)}-grams")
        for word in (BEGIN, END):
            if word not in self._numbers:
                raise InputError(f"language model {self._path}: the 1-grams lack `{word}`")
        while not self._sections[-1]:
            self._sections.pop()
        self._add_histories()
        return NgramModel(tuple(self._numbers), tuple(self._sections))

    def _place(self, number: int | None) -> str:
        return str(self._path) if number is None else f"{self._path}:{number}"

    def _read_counts(self) -> tuple[list[int], tuple[int | None, str]]:
        """Read the counts in the header; return them and the first line after them."""
        if not any(line == "\\data\\" for _, line in self._lines):
            raise InputError(
                f"{self._path} is not an ARPA language model: it has no line `\\data\\`"
            )
        counts: list[int] = []
        for number, line in self._lines:
            found = _COUNT.fullmatch(line)
            if found and int(found.group(1)) == len(counts) + 1:
                counts.append(int(found.group(2)))
            elif line == "\\1-grams:" and counts:
                return counts, (number, line)
            else:
                raise InputError(
                    f"{self._path}:{number}: expected `ngram {len(counts) + 1}=COUNT` or "
                    f"`\\1-grams:`, but found '{line}'"
                )
        raise InputError(f"{self._path}: the file ends before `\\1-grams:`")

    def _read_section(self, order: int, count: int, has_backoff: bool) -> dict[Key, Ngram]:
        """Read the n-grams of one length. The order of the 1-grams also defines the word ids."""
        ngrams: dict[Key, Ngram] = {}
        for _ in range(count):
            number, line = next(self._lines, (None, ""))
            if number is None:
                raise InputError(
                    f"{self._path}: the file ends after {len(ngrams)} of {count} {order}-grams"
                )
            place = f"{self._path}:{number}"
            if _SECTION.fullmatch(line) or line == "\\end\\":
                raise InputError(
                    f"{place}: `\\data\\` announces {count} {order}-grams, but there are only "
                    f"{len(ngrams)}"
                )
            fields = split_fields(line)
            if len(fields) not in (order + 1, order + 2):
                raise InputError(
                    f"{place}: a {order}-gram must be a logarithm, {counted(order, 'word')} and an "
                    f"optional back-off weight, but this line has {counted(len(fields), 'field')}"
                )
            key = self._read_words(fields[1 : order + 1], place)
            if key in ngrams:
                raise InputError(f"{place}: this {order}-gram appears twice")
            ngrams[key] = _logarithms([fields[0], *fields[order + 1 :]], line, place, has_backoff)
        return ngrams

    def _read_words(self, spelled: list[str], place: str) -> Key:
        """Return the ids of an n-gram's words."""
        words = [_clean(word, place) for word in spelled]
        if not self._sections:  # these are the 1-grams
            word, number = words[0], len(self._numbers)
            if word in self._numbers:
                raise InputError(self._repeated(spelled[0], word, place))
            self._numbers[word] = number
            self._spelled.append(spelled[0])
        for word in words:
            if word not in self._numbers:
                raise InputError(f"{place}: word '{word}' is not among the 1-grams")
        return tuple(self._numbers[word] for word in words)

    def _repeated(self, spelled: str, word: str, place: str) -> str:
        """Return the error message for a 1-gram that is the same word as an earlier 1-gram.

        Args:
            spelled: The word as it is in the file.
            word: The normalised word, which the earlier 1-gram also has.
            place: File and line, for the message.
        """
        before = self._spelled[self._numbers[word]]
        if before == spelled:
            return f"{place}: this 1-gram appears twice"
        if word in _SPECIAL_WORDS:
            return (
                f"{place}: `{before}` and `{spelled}` are the same word, because its case is "
                "ignored; remove one of them and all its n-grams"
            )
        return (
            f"{place}: '{spelled}' appears twice, once in composed and once in decomposed "
            "characters (Unicode NFC and NFD); transcripts use NFC, so convert the training text "
            "to NFC and estimate the language model again"
        )

    def _add_histories(self) -> None:
        """Add the histories of longer n-grams that the file does not list."""
        missing: list[Key] = []
        for longer, shorter in zip(self._sections[:0:-1], self._sections[-2::-1]):
            lacking = dict.fromkeys(key[:-1] for key in longer if key[:-1] not in shorter)
            for history in lacking:
                shorter[history] = Ngram(self._log_prob(history), 0.0)
            missing += lacking
        if missing:
            example = " ".join(self._spelled[number] for number in missing[0])
            logger.warning(
                "%s: the histories of some n-grams are not listed (%s, e.g. '%s'); they "
                "get their back-off probability",
                *(self._path, counted(len(missing), "history", "histories"), example),
            )

    def _log_prob(self, ngram: Key) -> float:
        """Return the log-probability of an n-gram, whether it is listed or not."""
        found = self._sections[len(ngram) - 1].get(ngram)
        if found is not None:
            return found.log_prob
        history = self._sections[len(ngram) - 2].get(ngram[:-1], Ngram(0.0, 0.0))
        return history.log_backoff + self._log_prob(ngram[1:])


def _logarithms(numbers: list[str], line: str, place: str, has_backoff: bool) -> Ngram:
    """Parse the logarithms of an n-gram: its probability and its optional back-off weight."""
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        raise InputError(f"{place}: the logarithms in '{line}' are not all numbers") from None
    if any(math.isnan(value) or value == math.inf for value in values[1:]):
        raise InputError(f"{place}: the back-off weight must be finite, but is {numbers[1]}")
    if math.isnan(values[0]) or values[0] > 0:
        raise InputError(f"{place}: log10 of a probability must be 0 or less, but is {numbers[0]}")
    backoff = values[1] if has_backoff and len(values) > 1 else 0.0
    # -inf would make differences of scores undefined; ARPA files write 10^-99 for probability 0
    return Ngram(*(max(value, -99.0) * _LN_10 for value in (values[0], backoff)))


def _clean(word: str, place: str) -> str:
    """Normalise a word of an ARPA file as transcripts are normalised; `<S>` becomes `<s>`."""
    if word.lower() in _SPECIAL_WORDS:
        return word.lower()
    for character in word:
        if character.isspace():
            name = unicodedata.name(character, "control character").lower()
            raise InputError(
                f"{place}: word '{word}' contains the space U+{ord(character):04X} ({name}), which "
                "transcripts never contain; replace it in the training text and estimate the "
                "language model again"
            )
    try:
        # a space unit never appears in text, but it does in language models over units
        return word if "\u2581" in word else normalize(word)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
