"""Case and punctuation of transcripts."""

import dataclasses
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from moeasr.corpus.forms.form import Item
from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.text.normalize import find_fault

Case = Literal["keep", "lower", "upper"]
Punctuation = Literal["keep", "remove"]
CASES: tuple[Case, ...] = get_args(Case)
PUNCTUATIONS: tuple[Punctuation, ...] = get_args(Punctuation)
APOSTROPHES = {"'": "'", "\u2019": "'", "\u02bc": "'"}
"""Apostrophe -> how it is written where punctuation is removed."""
IN_WORDS = {**APOSTROPHES, "\u00b7": "\u00b7"}
"""Punctuation marks that belong to a word if they are between two letters, such as Catalan's middle
dot."""
FORMATS = frozenset(
    "\u200c\u200d\u180e"  # joiners, and Mongolian's vowel separator
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u08e2\u070f"  # visible signs around letters
)
"""Format characters (Cf) that belong to the spelling of a script."""
MAX_SHOWN = 12

logger = get_logger(__name__)


@dataclass(frozen=True)
class TextOptions:
    """The changes of transcripts, in addition to single spaces in place of all white space."""

    case: Case = "keep"
    """`lower` or `upper` converts all letters, `keep` changes nothing."""
    punctuation: Punctuation = "keep"
    """`remove` deletes the punctuation of every script except apostrophes inside words; `keep`
    changes nothing."""


def change_text(text: str, options: TextOptions) -> str:
    """Return a transcript in one line, with case and punctuation changed as the options say."""
    if options.punctuation == "remove":
        text = _without_punctuation(text)
    if options.case != "keep":
        text = text.lower() if options.case == "lower" else text.upper()
    return " ".join(text.split())


def _without_punctuation(text: str) -> str:
    """Return a text with a space for each punctuation mark that is not inside a word."""
    padded = f" {text} "
    kept = []
    for before, sign, after in zip(padded, text, padded[2:]):
        if sign in IN_WORDS and before.isalnum() and after.isalnum():
            kept.append(IN_WORDS[sign])
        elif sign in IN_WORDS or is_punctuation(sign):
            kept.append(" ")
        else:
            kept.append(sign)
    return "".join(kept)


def is_punctuation(sign: str) -> bool:
    """Return whether Unicode calls a character punctuation; symbols such as + and $ are not."""
    return unicodedata.category(sign).startswith("P")


def with_texts(items: Iterable[Item], options: TextOptions, allow_empty: bool) -> list[Item]:
    """Return the utterances with changed texts; an utterance left without words is dropped.

    Args:
        items: The utterances.
        options: The changes.
        allow_empty: True if a text that is empty in the corpus means a recording without speech,
            False if it is an error.

    Raises:
        InputError: A text is empty, or contains a character of `find_fault`.
    """
    kept, silent, dropped = [], [], []
    for item in items:
        fault = find_fault(" ".join(item.text.split()))
        if fault is not None:  # otherwise only scoring would find it, after the training
            raise InputError(f"{item.where}: the text {fault}")
        text = change_text(item.text, options)
        if not item.text.strip():
            if not allow_empty:
                raise InputError(f"{item.where}: the text is empty; remove the utterance")
            silent.append(item)
        elif not text:
            dropped.append(item)
            continue
        kept.append(dataclasses.replace(item, text=text))
    _warn("%s: the transcript is empty, which means a recording without speech%s", silent)
    _warn("%s: left out, because without punctuation its text is empty%s", dropped)
    return kept


def _warn(message: str, items: Sequence[Item]) -> None:
    if items:
        more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
        logger.warning(message, items[0].where, more)


def describe_texts(items: Iterable[Item]) -> str | None:
    """Return sentences about case, punctuation and invisible characters; None if there are none.

    Capital letters count only beside small ones: a text in capitals alone has one case.
    """
    signs = {sign for item in items for sign in item.text}
    options = []
    found = []
    capitals = {sign for sign in signs if sign.islower()} and any(map(str.isupper, signs))
    if capitals:
        found.append("capital and small letters")
        options.append("--case lower")
    marks = sorted(sign for sign in signs if is_punctuation(sign) and sign not in IN_WORDS)
    if marks:
        shown = " ".join(marks[:MAX_SHOWN]) + " ..." * (len(marks) > MAX_SHOWN)
        found.append(f"punctuation ({shown})")
        options.append("--punctuation remove")
    sentences = []
    if found:
        sentences.append(
            f"the texts have {' and '.join(found)}, which the model learns to write and which "
            f'count as errors; to change that: ./run.sh --corpus-opts "{" ".join(options)}"'
        )
    hidden = sorted(sign for sign in signs - FORMATS if unicodedata.category(sign) == "Cf")
    if hidden:
        shown = " ".join(f"U+{ord(sign):04X}" for sign in hidden[:MAX_SHOWN])
        sentences.append(
            f"the texts have invisible characters ({shown}), which become units of the model and "
            "count as errors; remove them from the corpus"
        )
    return "; ".join(sentences) or None
