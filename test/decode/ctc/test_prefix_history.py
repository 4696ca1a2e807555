"""The history of the prefixes of a beam over several chunks."""

import pytest

from moeasr.decode.ctc.prefix_history import History, Run


def grow(history, *runs):
    history.append([Run(*run) for run in runs])


def texts(history):
    return [(*history.tokens, *path.tokens) for path in history.paths]


def test_units_shared_by_all_prefixes_are_stored_once_except_the_last():
    history = History.initial(2, with_frames=True)
    grow(history, (0, [5, 6], [0, 1, 3], [-9, -0.1, -0.2]), (0, [5], [0, 2], [-9, -0.3]))
    assert history.tokens == [] and texts(history) == [(5, 6), (5,)]
    # Both prefixes extend the better one. Unit 5 is shared; the frame of unit 6 may still change.
    grow(history, (0, [7], [4, 6], [-0.5, -0.1]), (0, [], [5], [-0.05]))
    assert texts(history) == [(5, 6, 7), (5, 6)]
    assert (history.tokens, history.frames) == ([5], [1])
    best, second = (history.hypothesis(slot, -1.0, -2.0, None) for slot in range(2))
    assert (best.tokens, best.frames) == ((5, 6, 7), (1, 3, 6))
    # the probability of unit 6 is higher in frame 5 than it was in frame 3
    assert second.frames == (1, 5)
    assert (best.score, best.ctc_score, best.fusion_score) == (-1.0, -2.0, None)


def test_a_history_without_frames_keeps_only_units():
    history = History.initial(1, with_frames=False)
    grow(history, (0, [5, 6], [], []))
    grow(history, (0, [], [], []))
    assert history.tokens == [5] and history.hypothesis(0, 0.0, 0.0, 0.5).tokens == (5, 6)
    assert history.hypothesis(0, 0.0, 0.0, 0.5).frames is None


@pytest.fixture
def undecided():
    history = History.initial(3, with_frames=False)
    grow(history, (0, [5, 6, 7], [], []), (0, [5, 8], [], []), (0, [9], [], []))
    return history


def test_partial_units_are_stable_where_all_prefixes_agree(undecided):
    assert undecided.partial(slot=0, first=0) == ((), (5, 6, 7))
    grow(undecided, (0, [1], [], []), (0, [], [], []), (1, [2], [], []))
    assert undecided.tokens == [5]
    assert undecided.partial(slot=0, first=0) == ((5,), (6, 7, 1))
    assert undecided.partial(slot=0, first=1) == ((), (6, 7, 1))


def test_the_oldest_units_of_the_best_prefix_are_decided(undecided):
    assert undecided.decide(max_undecided=3) == [0, 1, 2]
    assert undecided.decide(max_undecided=2) == [0, 1]  # the prefixes that start with 5
    assert undecided.tokens == [5] and texts(undecided) == [(5, 6, 7), (5, 8)]
    assert undecided.decide(max_undecided=1) == [0]
