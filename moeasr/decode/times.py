"""Times and confidence of tokens and words, and the file `ctm`.

Times come from the best CTC alignment. A frame covers the time until the next frame, so frame t of
40 ms begins at 0.04 t seconds. A token lasts from the first frame of its run to the end of the last
frame, a word from the start of its first token to the end of its last token. Words are those of
`moeasr.text.scripts`: in Chinese, Japanese or Thai each character has its own times. Several words
in one token divide its time evenly.

CTC models emit a token as a peak of one or two frames within the sound. Tokens therefore seem
shorter than they are, and words seem to begin a little late and end a little early, especially
words of a single token.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from moeasr.decode.hypothesis import Hypothesis
from moeasr.text.tokenizer import Tokenizer


class Timed(NamedTuple):
    """A token or a word with its time stamps."""

    text: str
    start_sec: float
    end_sec: float
    confidence: float
    """Confidence from 0 to 1."""


class Times(NamedTuple):
    """The time stamps of a hypothesis."""

    tokens: list[Timed]
    """The tokens of the hypothesis; the text of a token is its unit in `units.txt`."""
    words: list[Timed]
    """The words of the text. The confidence of a word is the lowest confidence of its tokens."""


def times_of(hypothesis: Hypothesis, tokenizer: Tokenizer, frame_sec: float) -> Times | None:
    """Return the times of a hypothesis's tokens and words; None if it has no CTC alignment.

    Args:
        hypothesis: A hypothesis with or without `spans` and `token_confidence`.
        tokenizer: The tokenizer that made its tokens.
        frame_sec: Seconds from one encoder frame to the next.
    """
    if hypothesis.spans is None or hypothesis.token_confidence is None:
        return None
    tokens = [
        Timed(tokenizer.units[token], start * frame_sec, end * frame_sec, confidence)
        for token, (start, end), confidence in zip(
            hypothesis.tokens, hypothesis.spans, hypothesis.token_confidence, strict=True
        )
    ]
    words, found = [], tokenizer.words(hypothesis.tokens)
    num_words = Counter(place for _, places in found for place in places)
    num_before: Counter[int] = Counter()
    for word, places in found:
        parts = [tokens[place] for place in places]
        first, last = places[0], places[-1]
        start_sec = _at(tokens[first], num_before[first] / num_words[first])
        num_before.update(places)
        end_sec = _at(tokens[last], num_before[last] / num_words[last])
        words.append(Timed(word, start_sec, end_sec, min(part.confidence for part in parts)))
    return Times(tokens, words)


def _at(token: Timed, share: float) -> float:
    """Return the time at which a fraction (0 to 1) of a token has passed."""
    if share in (0.0, 1.0):
        return token.end_sec if share else token.start_sec
    return token.start_sec + share * (token.end_sec - token.start_sec)


def write_ctm(path: str | Path, words: Mapping[str, Iterable[Timed]]) -> None:
    """Write NIST's time-marked conversation file: `utterance 1 start duration word confidence`.

    Times are seconds from the start of the utterance, as Kaldi writes them without segments.

    Args:
        path: The file to write.
        words: Utterance id -> its words.
    """
    with open(path, "w", encoding="utf-8") as handle:
        for utt_id, utt_words in words.items():
            handle.writelines(ctm_line(utt_id, word) for word in utt_words)


def ctm_line(utt_id: str, word: Timed) -> str:
    """Return the line of a word in a `ctm`."""
    duration = word.end_sec - word.start_sec
    times = f"{word.start_sec:.2f} {duration:.2f}"
    return f"{utt_id} 1 {times} {word.text} {word.confidence:.2f}\n"


def as_json(items: Sequence[Timed]) -> list[dict[str, str | float]]:
    """Return JSON values for `nbest.jsonl`, with times in ms and four digits of confidence."""
    return [
        {
            "text": item.text,
            "start_sec": round(item.start_sec, 3),
            "end_sec": round(item.end_sec, 3),
            "confidence": round(item.confidence, 4),
        }
        for item in items
    ]
