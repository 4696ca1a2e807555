"""End-point rules on sequences of known blank probabilities."""

import dataclasses

import pytest
import torch

from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.endpoint import Endpointer

RULES = EndpointConfig(
    rule1_min_trailing_silence=0.4, rule2_min_trailing_silence=0.2, rule3_min_utterance_length=1.0
)


def frames(pattern):
    """Return blank probabilities: 0.9 for each `_`, 0.5 for each other character."""
    blanks = torch.tensor([0.9 if sign == "_" else 0.5 for sign in pattern])
    return torch.stack([blanks, 1 - blanks], dim=1).log()


def first_endpoint(pattern, has_speech, piece=1, rules=RULES):
    """Return the number of 40 ms frames after which an utterance ends; None if it does not."""
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
        ("xxx" + "_" * 20, False, 13),  # CTC has found no units: rule 1
        ("x____" * 10, True, 25),  # the pauses are too short: rule 3, after 1 s
        ("x" * 24, True, None),
    ],
)
def test_each_rule_ends_an_utterance(pattern, has_speech, expected):
    assert first_endpoint(pattern, has_speech) == expected


@pytest.mark.parametrize(
    ("pattern", "has_speech", "expected"),
    [
        ("_" * 200, False, 125),  # 5 s
        ("x" + "_" * 200, True, 14),  # 0.5 s
        ("x" * 600, True, 500),  # 20 s
        ("x" * 600, False, 500),  # with and without speech
    ],
)
def test_default_rules_are_wenets_but_for_rule_2(pattern, has_speech, expected):
    assert first_endpoint(pattern, has_speech, rules=EndpointConfig()) == expected
    assert EndpointConfig().blank_threshold == 0.8


@pytest.mark.parametrize(("blank", "is_silent"), [(0.79, False), (0.81, True)])
def test_a_frame_is_silent_if_its_blank_is_above_the_threshold(blank, is_silent):
    endpointer = Endpointer(RULES, frame_sec=0.04)
    endpointer.advance(torch.tensor([[blank, 1 - blank]]).log().repeat(12, 1))
    assert endpointer.is_endpoint(has_speech=False) == is_silent


def test_threshold_and_blank_are_configurable():
    rules = dataclasses.replace(RULES, blank_threshold=0.6)
    endpointer = Endpointer(rules, frame_sec=0.04, blank=1)
    for blank, is_silent in [(0.59, False), (0.61, True)]:
        endpointer.advance(torch.tensor([[1 - blank, blank]]).log().repeat(12, 1))
        assert endpointer.is_endpoint(has_speech=True) == is_silent


def test_silence_is_counted_across_chunks():
    pattern = "xx" + "_" * 20
    assert first_endpoint(pattern, True, piece=3) == 9
    assert first_endpoint(pattern, True, piece=4) == 8


def test_a_new_utterance_starts_with_no_silence():
    endpointer = Endpointer(RULES, frame_sec=0.04)
    endpointer.advance(frames("x" * 25))
    assert endpointer.is_endpoint(True)
    endpointer.restart()
    endpointer.advance(frames("____"))
    assert not endpointer.is_endpoint(True)
    endpointer.restart()
    # eight silent frames in total, four of them in this utterance
    endpointer.advance(frames("____"))
    assert not endpointer.is_endpoint(True)


def test_no_frames_change_nothing():
    endpointer = Endpointer(RULES, frame_sec=0.04)
    endpointer.advance(frames("x_____"))
    assert endpointer.is_endpoint(True)
    endpointer.advance(frames(""))
    assert endpointer.is_endpoint(True)
