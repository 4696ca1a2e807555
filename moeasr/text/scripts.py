"""Words of a text in any writing system.

Chinese, Japanese, Thai and related writing systems have no spaces between words. Each character of
such a script, together with its combining marks, counts as a word. Any other word extends to the
next space, or to the next character of such a script:

    >>> split_words("go on 打开WENET网站")
    ['go', 'on', '打', '开', 'WENET', '网', '站']

Korean separates words by spaces. Finding longer words in Chinese or Thai would need a dictionary.
Boosted phrases and language models bring their own words.
"""

import unicodedata
from bisect import bisect_right
from functools import lru_cache

_UNSPACED = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, symbols of Khmer
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x2FDF),  # radicals of Han
    (0x3001, 0x312F),  # punctuation of CJK, Hiragana, Katakana, Bopomofo
    (0x31A0, 0x9FFF),  # Bopomofo, strokes, Katakana, enclosed characters, Han
    (0xA000, 0xA4CF),  # Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar
    (0xAA60, 0xAADF),  # Myanmar, Tai Viet
    (0xF900, 0xFAFF),  # Han
    (0xFE00, 0xFE0F),  # variation selectors, which follow Han
    (0xFE10, 0xFE1F),  # vertical punctuation
    (0xFE30, 0xFE4F),
    (0xFF01, 0xFF0F),  # wide punctuation; wide letters and digits are words like narrow ones
    (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40),
    (0xFF5B, 0xFF9F),  # and half-width Katakana
    (0x11700, 0x1174F),  # Ahom
    (0x1AFF0, 0x1B16F),  # Kana
    (0x20000, 0x3FFFF),  # Han
    (0xE0100, 0xE01EF),  # variation selectors
)
"""First and last code points of scripts that are written without spaces between words."""
_FIRSTS = [first for first, _ in _UNSPACED]
# Unicode classifies these as letters or format characters, but they extend the character before
# them (Grapheme_Cluster_Break): vowels AM of Thai and Lao, half-width voicing marks of Katakana,
# joiners and the zero-width space.
_EXTENDING = frozenset("\u0e33\u0eb3\uff9e\uff9f\u200b\u200c\u200d")


@lru_cache(maxsize=1 << 16)
def is_unspaced(character: str) -> bool:
    """Return whether a character's script has no spaces between words."""
    place = bisect_right(_FIRSTS, ord(character)) - 1
    return place >= 0 and ord(character) <= _UNSPACED[place][1]


@lru_cache(maxsize=1 << 16)
def extends(character: str) -> bool:
    """Return whether a character is a mark that belongs to the character before it."""
    return character in _EXTENDING or unicodedata.category(character).startswith("M")


def joins(left: str, right: str) -> bool:
    """Return whether two adjacent characters belong to the same word."""
    return extends(right) or not (is_unspaced(left) or is_unspaced(right))


def joined(left: str, right: str) -> str:
    """Return two texts as one, with a space between them if their scripts separate words so."""
    has_space = left and right and joins(left[-1], right[0])
    return f"{left} {right}" if has_space else left + right


def split_words(text: str) -> list[str]:
    """Split a normalised text into words, at spaces and around characters of unspaced scripts."""
    words: list[str] = []
    for run in text.split(" "):
        start = 0
        for place in range(1, len(run)):
            if not joins(run[place - 1], run[place]):
                words.append(run[start:place])
                start = place
        if run:
            words.append(run[start:])
    return words
