"""A single frame of prefix beam search."""

import math

import pytest
import torch

from moeasr.decode.ctc.beam_step import NEG_INF, Beam, Frames, extend

Y = [0.5, 0.3, 0.2]
"""Probabilities of blank and two units, in both frames."""
CPU = torch.device("cpu")


def search(num_frames, beam_size=4):
    log_probs = torch.tensor([[Y] * num_frames], dtype=torch.float64).log()
    frames = Frames.prepare(log_probs, torch.tensor([0]), beam_size, blank=0, num_units=None)
    beam = Beam.initial(1, beam_size, CPU, None)
    for time in range(num_frames):
        beam, _ = extend(beam, frames, time, None)
    return beam


def probabilities(beam):
    return {
        name: [round(value, 12) for value in getattr(beam, name)[0].exp().tolist()]
        for name in ("log_total", "log_blank", "log_unit")
    }


def test_probabilities_after_the_first_frame():
    assert probabilities(search(1)) == {
        "log_total": [0.5, 0.3, 0.2, 0.0],  # the prefixes (), (1) and (2)
        "log_blank": [0.5, 0.0, 0.0, 0.0],
        "log_unit": [0.0, 0.3, 0.2, 0.0],
    }


def test_probabilities_after_the_second_frame():
    beam = search(2)
    # The alignments "1 -", "- 1" and "1 1" give (1), and likewise for (2). "- -" gives ().
    one, two = 2 * 0.15 + 0.09, 2 * 0.1 + 0.04
    assert probabilities(beam)["log_total"] == pytest.approx([one, 0.25, two, 0.06])
    assert probabilities(beam)["log_blank"] == pytest.approx([0.15, 0.25, 0.1, 0.0])
    assert beam.relations[0, :, 2].tolist()[:3] == [1, 0, 2]  # the last units
    parents, nodes = beam.relations[0, :, 1].tolist(), beam.relations[0, :, 0].tolist()
    assert parents[0] == parents[2] == nodes[1]  # both are the empty prefix with one more unit


def test_beams_of_utterances_are_selected_replaced_and_joined():
    one, other = search(1), search(2)
    both = Beam.join([one, other])
    assert torch.equal(both.select(slice(1, 2)).log_total, other.log_total)
    swapped = both.replace(torch.tensor([0]), other)
    assert torch.equal(swapped.log_total, torch.cat([other.log_total, other.log_total]))
    assert Beam.join([one]) is one
    assert [part.size(0) for part in both.parts()] == [2] * 6


def test_the_kept_prefixes_move_to_the_first_slots_of_an_utterance():
    kept = Beam.join([search(1), search(2)]).keep(1, [0, 2])
    expected = search(2).log_total[0]
    assert kept.log_total[1].tolist() == [expected[0], expected[2], NEG_INF, NEG_INF]
    assert torch.equal(kept.log_total[0], search(1).log_total[0])


def test_num_units_limits_the_units_that_extend_a_prefix():
    log_probs = torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]).log()
    frames = Frames.prepare(log_probs, torch.tensor([0]), beam_size=2, blank=0, num_units=2)
    assert frames.units[0, 0].tolist() == [3, 2, 3, 2]  # for each of the two prefixes
    assert frames.ranks.tolist() == [0, 1, 0, 0, 1, 1]
    assert frames.blank.item() == pytest.approx(math.log(0.1))
