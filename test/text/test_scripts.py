"""Word boundaries in several scripts, against texts split by hand."""

import unicodedata

import pytest

from moeasr.text.scripts import is_unspaced, joins, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("go  on", ["go", "on"]),
        ("don't stop.", ["don't", "stop."]),
        ("打开WENET网站", ["打", "开", "WENET", "网", "站"]),
        ("我 在家", ["我", "在", "家"]),
        ("2024年，好", ["2024", "年", "，", "好"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("ｶﾞＡＢ", ["ｶﾞ", "ＡＢ"]),  # half-width voicing mark; wide Latin letters
        ("か\u3099", ["か\u3099"]),  # a voicing mark that was not composed
        ("葛\U000e0100A", ["葛\U000e0100", "A"]),  # a variant of a Han character
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("ก้าวน้ำ", ["ก้", "า", "ว", "น้ำ"]),
        ("ສະບາຍດີ", ["ສ", "ະ", "ບ", "າ", "ຍ", "ດີ"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("བོད་", ["བོ", "ད", "་"]),
        ("한국어 말", ["한국어", "말"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("<unk>买<noise>", ["<unk>", "买", "<noise>"]),
    ],
)
def test_words_by_hand(text, words):
    assert split_words(text) == words


def test_every_writing_system_is_classified():
    """The reference is the names in the Unicode database."""
    unspaced = ("CJK UNIFIED", "HIRAGANA LETTER", "KATAKANA LETTER", "THAI CHARACTER", "LAO LETTER")
    unspaced += ("KHMER LETTER", "MYANMAR LETTER", "TIBETAN LETTER", "BOPOMOFO LETTER")
    unspaced += ("CJK RADICAL", "KANGXI RADICAL", "YI SYLLABLE", "PRESENTATION FORM FOR VERTICAL")
    unspaced += ("TAI LE LETTER", "NEW TAI LUE LETTER", "TAI THAM LETTER", "TAI VIET LETTER")
    unspaced += ("BALINESE LETTER", "JAVANESE LETTER", "HALFWIDTH KATAKANA LETTER")
    unspaced += ("VARIATION SELECTOR-",)
    spaced = ("LATIN", "FULLWIDTH LATIN", "FULLWIDTH DIGIT", "GREEK", "CYRILLIC", "ARABIC LETTER")
    spaced += ("HEBREW", "HANGUL SYLLABLE", "DEVANAGARI", "BENGALI", "TAMIL", "DIGIT", "APOSTROPHE")
    counts = {True: 0, False: 0}
    for code in range(0x110000):
        name = unicodedata.name(chr(code), "")
        for names, expected in ((unspaced, True), (spaced, False)):
            if name.startswith(names):
                assert is_unspaced(chr(code)) == expected, name
                counts[expected] += 1
    assert counts[True] > 90000 and counts[False] > 11000


def test_words_are_cut_exactly_where_characters_do_not_join():
    text = "打开WENETก้าว한국"
    cuts = [n for n in range(1, len(text)) if not joins(text[n - 1], text[n])]
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
    assert split_words(text) == parts
