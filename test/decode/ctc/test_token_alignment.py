"""Alignments read from the labels of frames."""

from math import log

import pytest

from moeasr.decode.ctc.token_alignment import Alignment, can_align, read_path, with_alignment
from moeasr.decode.hypothesis import Hypothesis


def test_runs_of_labels_become_tokens_in_their_likeliest_frames():
    values = [log(p) for p in (0.9, 0.5, 0.75, 0.9, 0.25, 0.5, 0.5)]
    found = read_path([0, 3, 3, 0, 3, 4, 4], values)
    assert found.frames == (2, 4, 5)
    assert found.spans == ((1, 3), (4, 5), (5, 7))
    assert found.confidence == pytest.approx((0.75, 0.25, 0.5))


def test_equal_neighbours_need_a_blank_between_them():
    assert can_align([1, 2], 2) and not can_align([1, 1], 2) and can_align([1, 1], 3)
    assert not can_align([1, 0], 9)


def test_a_hypothesis_keeps_the_confidence_that_it_has():
    alignment = Alignment(frames=(2,), spans=((1, 4),), confidence=(0.5,))
    bare = Hypothesis(tokens=(3,), score=0.0)
    assert with_alignment(bare, None) is bare
    assert with_alignment(bare, alignment).token_confidence == (0.5,)
    rescored = Hypothesis(tokens=(3,), score=0.0, token_confidence=(0.25,))
    aligned = with_alignment(rescored, alignment)
    assert (aligned.spans, aligned.token_confidence) == (((1, 4),), (0.25,))
