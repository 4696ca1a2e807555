"""Searches that run along with a stream."""

import math

import pytest
import torch

from moeasr.decode.ctc.greedy import GreedySearch
from moeasr.decode.ctc.prefix_beam import PrefixBeam
from moeasr.decode.live.first_pass import FirstPass

SEARCHES = {
    "greedy": lambda: GreedySearch(1),
    "prefix_beam": lambda: PrefixBeam(1, 4, device="cpu", fusion=None),
}


def frames(*units):
    """Return log-probabilities of frames over 4 units, with 0.97 for one unit in each frame."""
    log_probs = torch.full((1, len(units), 4), math.log(0.01), dtype=torch.float64)
    for time, unit in enumerate(units):
        log_probs[0, time, unit] = math.log(0.97)
    return log_probs, torch.tensor([len(units)])


@pytest.mark.parametrize("name", SEARCHES)
def test_units_of_two_chunks_equal_those_of_the_whole_utterance(name):
    search: FirstPass = SEARCHES[name]()
    search.advance(*frames(0, 1, 1))
    search.advance(*frames(1, 0, 1, 2))
    (best,) = (nbest[0] for nbest in search.hypotheses(is_final=True))
    assert best.tokens == (1, 1, 2)
    (partial,) = search.partial()
    assert (*partial.stable, *partial.undecided) == (1, 1, 2)
    (later,) = search.partial(first=1)
    assert (*later.stable, *later.undecided) == (1, 2)
