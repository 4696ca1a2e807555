"""The growth of prefixes, traced back from the last beam."""

import pytest
import torch

from moeasr.decode.ctc.beam_history import trace_back
from moeasr.decode.ctc.beam_step import Beam, Frames, extend


def test_units_and_their_likeliest_frames_are_found_from_the_last_beam():
    # unit 1 in frames 0 and 1, likelier in 1; a blank; unit 2 in frame 3
    probs = torch.tensor([[0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8]])
    frames = Frames.prepare(probs.log()[None], torch.tensor([0]), 2, 0, None)
    beam, winners, lasts = Beam.initial(1, 2, torch.device("cpu"), None), [], []
    for time in range(4):
        beam, chosen = extend(beam, frames, time, None)
        winners.append(chosen)
        lasts.append(beam.relations[..., 2])
    ((best, second),) = trace_back(winners, lasts, frames, torch.tensor([4]), [10])
    # the prefix (1, 2) appears in frame 1, so its first unit was heard in frame 0
    assert (best.origin, best.tokens, best.frames[1:]) == (0, [1, 2], [10, 13])
    assert torch.tensor(best.peaks[1:]).exp().tolist() == pytest.approx([0.6, 0.8])
    assert (second.tokens, second.frames[1:]) == ([1], [11])
    ((bare, _),) = trace_back(winners, lasts, frames, torch.tensor([4]), None)
    assert (bare.tokens, bare.frames, bare.peaks) == ([1, 2], [], [])
