"""The record of labels, and the check of their names."""

import pytest

from moeasr.errors import InputError
from moeasr.labels import NO_LABELS, Labels, check_names


def test_the_kind_names_the_table():
    assert Labels(("en", "zh")).table == "utt2lang"
    assert Labels(("north", "south"), "accent").table == "utt2accent"
    assert NO_LABELS.names == () and NO_LABELS.is_required


@pytest.mark.parametrize(
    ("names", "at_least", "sentence"),
    [
        (("en",), 2, r"`labels` needs at least 2 names, as in utt2accent, but is \['en'\]"),
        ((), 1, "`labels` needs at least 1 name, as"),
        (("en", "en"), 2, "`labels` contains an empty name, or a name twice: en, en"),
        (("", "en"), 2, "an empty name"),
    ],
)
def test_too_few_and_repeated_names_are_refused(names, at_least, sentence):
    with pytest.raises(InputError, match=sentence):
        check_names(Labels(names, "accent"), at_least)


def test_enough_names_are_accepted():
    check_names(Labels(("en", "zh")))
    check_names(Labels(("en",)), at_least=1)
