"""The record of labels."""

from moeasr.labels import NO_LABELS, Labels


def test_the_kind_names_the_table():
    assert Labels(("en", "zh")).table == "utt2lang"
    assert Labels(("north", "south"), "accent").table == "utt2accent"
    assert NO_LABELS.names == () and NO_LABELS.is_required
