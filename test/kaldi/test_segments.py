"""Segments extended by silence."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.segments import Padding, extend_segments

LINES = [b"a r 0.05 1.0", b"b r 1.15 2.0", b"c s 5.0 6.123456789"]


def extend(lines, **padding):
    warnings = []
    return (*extend_segments(lines, Padding(**padding), warnings.append), warnings)


def test_segments_grow_within_the_recording_and_meet_in_the_middle():
    lines, num_parted, warnings = extend(LINES)
    # 1.1 and 1.05 would overlap: both become 1.075
    assert lines == [b"a r 0 1.075", b"b r 1.075 2.1", b"c s 4.9 6.223457"]
    assert (num_parted, warnings) == (1, [])


def test_the_order_of_the_lines_stays_and_overlaps_may():
    lines, num_parted, _ = extend(LINES[1::-1], fix_overlaps=False, end_sec=0.5, last_end_sec=0.25)
    assert lines == [b"b r 1.05 2.25", b"a r 0 1.5"]
    assert num_parted == 0


def test_a_segment_that_ends_before_it_begins_is_left_out():
    lines, _, warnings = extend([b"a r 3 1", LINES[2]])
    assert lines == [b"c s 4.9 6.223457"]
    assert warnings == ["bad segment a: it ends before it begins (ignoring)"]


def test_the_end_of_a_recording_stays_its_end():
    lines = [b"a r 0 2", b"b r 1.9 -1", b"c r 5 6", b"d s 3 -1"]
    extended, num_parted, warnings = extend(lines, last_end_sec=0.2)
    assert extended == [b"a r 0 1.95", b"b r 1.95 -1", b"c r 4.9 6.1", b"d s 2.9 -1"]
    assert (num_parted, warnings) == (1, [])


@pytest.mark.parametrize("line", [b"a r 1", b"a r 1 x", b"a r 1 2 3"])
def test_a_line_of_another_form_is_named(line):
    with pytest.raises(InputError, match=f"^line 2: must be .*, but is '{line.decode()}'$"):
        extend([LINES[0], line])


def test_a_segment_within_another_is_separated_in_the_middle_of_the_overlap():
    """The padded segments overlap from 5.9 to 10.1 s; the one with the earlier middle is cut."""
    extended = extend_segments([b"u1 r 0 10", b"u2 r 6 9"], Padding(), print)
    assert extended == ([b"u1 r 0 8", b"u2 r 8 9.1"], 1)


def test_times_of_long_recordings_keep_six_decimal_places():
    extended = extend_segments([b"u1 r 12345.678901 12350.25"], Padding(), print)
    assert extended == ([b"u1 r 12345.578901 12350.35"], 0)
