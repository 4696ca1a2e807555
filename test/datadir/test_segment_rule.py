"""Valid and invalid lines of `segments`."""

import pytest

from moeasr.datadir.segment_rule import Segment, parse_segment


@pytest.mark.parametrize(
    ("fields", "segment"),
    [
        ("r 0 1.5", Segment("r", 0.0, 1.5)),
        ("r 1e1 10.5", Segment("r", 10.0, 10.5)),
        ("r 2.25 -1", Segment("r", 2.25, -1.0)),
        ("r 2.25 -1.00", Segment("r", 2.25, -1.0)),
    ],
)
def test_an_end_of_minus_one_is_the_end_of_the_recording(fields, segment):
    assert parse_segment(fields.split()) == segment


@pytest.mark.parametrize("times", ["0 -0.5", "0 -2", "-1 1", "2 1", "1 1", "0 nan", "0 inf", "x 1"])
def test_other_times_are_refused(times):
    with pytest.raises(ValueError):
        parse_segment(["r", *times.split()])
    with pytest.raises(ValueError):
        parse_segment(["r", "0"])
