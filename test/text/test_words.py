"""Text as words between white space."""

from moeasr.text.words import WordSplitter


def test_words_are_split_and_joined():
    splitter = WordSplitter()
    assert splitter.split("one  two\tthree") == ["one", "two", "three"]
    assert splitter.split("") == []
    assert splitter.join(["one", "two"]) == "one two"
