"""Case, punctuation and emptiness of transcripts."""

import pytest

from moeasr.corpus.forms.form import Item
from moeasr.corpus.forms.text_options import (
    TextOptions,
    change_text,
    describe_texts,
    with_texts,
)
from moeasr.errors import InputError


def items(*texts: str) -> list[Item]:
    return [
        Item(name=str(n), text=text, audio="a", where=f"t, line {n}")
        for n, text in enumerate(texts, start=1)
    ]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (" Go,\thome\u00a0! ", TextOptions(), "Go, home !"),
        ("Straße", TextOptions("upper"), "STRASSE"),
        ("Don't GO", TextOptions("lower"), "don't go"),
        ("“Don’t,” he said—‘go!’", TextOptions("keep", "remove"), "Don't he said go"),
        ("well-known; 'tis (1,5)", TextOptions("keep", "remove"), "well known tis 1 5"),
        ("¿Qué? paral·lel", TextOptions("lower", "remove"), "qué paral·lel"),
        ("你好，世界。", TextOptions("keep", "remove"), "你好 世界"),
        ("क्या?", TextOptions("keep", "remove"), "क्या"),
        ("3 + 4 = $7", TextOptions("keep", "remove"), "3 + 4 = $7"),
        ("...", TextOptions("keep", "remove"), ""),
    ],
)
def test_texts_are_changed_as_asked(text, options, expected):
    assert change_text(text, options) == expected


def test_an_empty_text_is_an_error_or_silence(caplog):
    with pytest.raises(InputError, match="^t, line 2: the text is empty; remove the utterance$"):
        with_texts(items("go", " "), TextOptions(), allow_empty=False)
    kept = with_texts(items("go", " ", ""), TextOptions(), allow_empty=True)
    assert [item.text for item in kept] == ["go", "", ""]
    assert (
        "t, line 2: the transcript is empty, which means a recording without speech (and 1 more)"
        in (caplog.text)
    )


def test_a_text_of_punctuation_alone_is_left_out(caplog):
    kept = with_texts(items("go", "?!"), TextOptions(punctuation="remove"), allow_empty=False)
    assert [item.text for item in kept] == ["go"]
    assert "t, line 2: left out, because without punctuation its text is empty" in caplog.text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("g\x00o", "t, line 1: the text contains the control character U\\+0000"),
        ("go \ufeffhome", "t, line 1: the text contains a byte order mark U\\+FEFF; remove it"),
        ("go\u2581home", "t, line 1: the text contains U\\+2581, which is reserved"),
    ],
)
def test_characters_that_scoring_would_refuse_are_refused_first(text, sentence):
    with pytest.raises(InputError, match=sentence):
        with_texts(items(text), TextOptions(), allow_empty=False)


def test_invisible_characters_are_said_but_not_those_that_join_letters():
    assert describe_texts(items("می\u200cروم", "क\u200dष")) is None
    hint = str(describe_texts(items("go\u200b", "\u200ehome Go")))
    assert hint.startswith("the texts have capital and small letters, which")
    assert "; the texts have invisible characters (U+200B U+200E), which become units" in hint


def test_what_beginners_may_want_to_change_is_said():
    assert describe_texts(items("GO HOME", "DON'T")) is None
    assert describe_texts(items("go home")) is None
    assert "capital and small letters, which" in str(describe_texts(items("Go home")))
    hint = str(describe_texts(items("Go home.", "Go?")))
    assert "capital and small letters and punctuation (. ?)" in hint
    assert '"--case lower --punctuation remove"' in hint
