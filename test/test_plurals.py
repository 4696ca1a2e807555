"""Numbers with their nouns."""

import pytest

from moeasr.plurals import counted


@pytest.mark.parametrize(
    ("number", "phrase"), [(0, "0 speakers"), (1, "1 speaker"), (2, "2 speakers")]
)
def test_only_one_is_singular(number, phrase):
    assert counted(number, "speaker") == phrase


def test_the_plural_and_the_verb_may_be_given():
    assert counted(1, "batch is", "batches are") == "1 batch is"
    assert counted(1000, "batch is", "batches are") == "1000 batches are"
