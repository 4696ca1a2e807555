"""End-point rules on made-up blanks."""

import dataclasses

import pytest
import torch

from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.endpoint import Endpointer

RULES = EndpointConfig(
    rule1_min_trailing_silence=0.4, rule2_min_trailing_silence=0.2, rule3_min_utterance_length=1.0
)


def frames(pattern):
    """A blank of 0.9 for each `_`, of 0.5 for each other sign."""
    blanks = torch.tensor([0.9 if sign == "_" else 0.5 for sign in pattern])
    return torch.stack([blanks, 1 - blanks], dim=1).log()


def first_endpoint(pattern, has_speech, piece=1, rules=RULES):
    """Frames after which the utterance is over, of 40 ms each; None if it is not."""
    endpointer = Endpointer(rules, frame_sec=0.04)
    for end in range(piece, len(pattern) + 1, piece):
        endpointer.advance(frames(pattern[end - piece : end]))
        if endpointer.is_endpoint(has_speech):
            return end
    return None


@pytest.mark.parametrize(
    ("pattern", "has_speech", "expected"),
    [
        ("_" * 20, False, 10),  # rule 1: 0.4 s of silence
        ("xxx" + "_" * 20, True, 8),  # rule 2: 0.2 s after speech
        ("xxx" + "_" * 20, False, 13),  # CTC wrote nothing: rule 1
        ("x____" * 10, True, 25),  # pauses too short: rule 3, 1 s
        ("x" * 24, True, None),
    ],
)
def test_each_rule(pattern, has_speech, expected):
    assert first_endpoint(pattern, has_speech) == expected


@pytest.mark.parametrize(
    ("pattern", "has_speech", "expected"),
    [
        ("_" * 200, False, 125),  # 5 s
        ("x" + "_" * 200, True, 26),  # 1 s
        ("x" * 600, True, 500),  # 20 s
        ("x" * 600, False, 500),  # whatever is said
    ],
)
def test_the_rules_are_wenets_by_default(pattern, has_speech, expected):
    assert first_endpoint(pattern, has_speech, rules=EndpointConfig()) == expected
    assert EndpointConfig().blank_threshold == 0.8


@pytest.mark.parametrize(("blank", "is_silent"), [(0.79, False), (0.81, True)])
def test_a_frame_is_silent_above_the_threshold(blank, is_silent):
    endpointer = Endpointer(RULES, frame_sec=0.04)
    endpointer.advance(torch.tensor([[blank, 1 - blank]]).log().repeat(12, 1))
    assert endpointer.is_endpoint(has_speech=False) == is_silent


def test_the_threshold_and_the_blank_are_those_given():
    rules = dataclasses.replace(RULES, blank_threshold=0.6)
    endpointer = Endpointer(rules, frame_sec=0.04, blank=1)
    for blank, is_silent in [(0.59, False), (0.61, True)]:
        endpointer.advance(torch.tensor([[1 - blank, blank]]).log().repeat(12, 1))
        assert endpointer.is_endpoint(has_speech=True) == is_silent


def test_silence_is_counted_over_chunks():
    pattern = "xx" + "_" * 20
    assert first_endpoint(pattern, True, piece=3) == 9
    assert first_endpoint(pattern, True, piece=4) == 8


def test_a_new_utterance_begins_at_zero():
    endpointer = Endpointer(RULES, frame_sec=0.04)
    endpointer.advance(frames("x" * 25))
    assert endpointer.is_endpoint(True)
    endpointer.restart()
    endpointer.advance(frames("____"))
    assert not endpointer.is_endpoint(True)
    endpointer.restart()
    endpointer.advance(frames("____"))  # eight silent frames in all, four of this utterance
    assert not endpointer.is_endpoint(True)


def test_no_frames_change_nothing():
    endpointer = Endpointer(RULES, frame_sec=0.04)
    endpointer.advance(frames("x_____"))
    assert endpointer.is_endpoint(True)
    endpointer.advance(frames(""))
    assert endpointer.is_endpoint(True)
