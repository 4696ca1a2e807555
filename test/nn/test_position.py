"""Position encodings."""

import math

import torch
from rounding import assert_close

from moeasr.nn.position import (
    key_positions,
    relative_positions,
    sinusoidal_encoding,
    token_positions,
)


def test_encoding_equals_the_papers_formula():
    encoding = sinusoidal_encoding(torch.tensor([0.0, 5.0, -3.0], dtype=torch.float64), 6)
    for row, position in enumerate((0, 5, -3)):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            assert math.isclose(encoding[row, 2 * i], math.sin(angle), abs_tol=1e-12)
            assert math.isclose(encoding[row, 2 * i + 1], math.cos(angle), abs_tol=1e-12)


def test_relative_positions_run_from_the_farthest_past_to_the_farthest_future():
    like = torch.zeros(4, dtype=torch.float64)
    got = relative_positions(num_queries=2, num_keys=4, like=like)
    distances = torch.tensor([3.0, 2.0, 1.0, 0.0, -1.0], dtype=torch.float64)
    assert torch.equal(got, sinusoidal_encoding(distances, 4))


def test_positions_made_in_inference_mode_do_not_spoil_a_later_training_pass():
    """Autograd refuses tensors of inference mode, even if it only multiplies by them."""
    like = torch.zeros(2, dtype=torch.float64)
    with torch.inference_mode():
        relative_positions(num_queries=1, num_keys=3, like=like)
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (relative_positions(num_queries=1, num_keys=3, like=like) * weight).sum().backward()
    distances = (2, 1, 0)
    sums = [sum(map(math.sin, distances)), sum(map(math.cos, distances))]
    assert_close(weight.grad, torch.tensor(sums, dtype=torch.float64), 8, dtype=torch.float64)


def test_tokens_computed_one_by_one_have_the_same_positions():
    like = torch.zeros(1, 1, 8)
    whole = token_positions(0, 5, like)
    assert_close(whole[3:], token_positions(3, 2, like), 8)  # exponent, product and sine
    assert whole.dtype == torch.float32
    positions = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert torch.equal(token_positions(3, 2, like.double()), sinusoidal_encoding(positions, 8))


def test_positions_of_keys_are_those_of_each_utterance_in_single_precision():
    """WeNet's weights were trained with this rounding, so it is kept in every precision."""
    like = torch.zeros(1, 1, 6, dtype=torch.float64)
    found = key_positions(torch.tensor([0, 5000]), 3, like)
    for row, first in zip(found, (0, 5000)):
        positions = torch.tensor([first, first + 1, first + 2], dtype=torch.float32)
        assert torch.equal(row, sinusoidal_encoding(positions, 6).double())
