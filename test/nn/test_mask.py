"""Masks."""

import math

import pytest
import torch

from moeasr.nn.mask import (
    last_frames,
    make_causal_mask,
    make_chunk_mask,
    make_valid_mask,
    sample_chunk_size,
)


def test_valid_mask_marks_the_real_frames():
    mask = make_valid_mask(torch.tensor([3, 0, 4]), 4)
    assert mask.tolist() == [[True] * 3 + [False], [False] * 4, [True] * 4]


@pytest.mark.parametrize("num_left_chunks", [-1, 0, 1, 2])
@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
def test_chunk_mask_equals_its_definition_frame_by_frame(chunk_size, num_left_chunks):
    mask = make_chunk_mask(7, chunk_size, num_left_chunks)
    for i in range(7):
        for j in range(7):
            seen = j // chunk_size <= i // chunk_size
            if num_left_chunks >= 0:
                seen = seen and i // chunk_size - j // chunk_size <= num_left_chunks
            assert bool(mask[i, j]) == seen


def test_a_chunk_as_long_as_the_utterance_is_full_context():
    assert make_chunk_mask(5, 5).all()


@pytest.mark.parametrize(
    ("ends", "count", "expected"),
    [
        ([5, 3], 2, [[3, 4], [6, 7]]),
        ([5, 5], 2, [[3, 4], [8, 9]]),
        ([2, 5], 3, [[0, 0, 1], [7, 8, 9]]),
        ([5, 0], 1, [[4], [5]]),
        ([5, 5], 6, [[0, 0, 1, 2, 3, 4], [5, 5, 6, 7, 8, 9]]),
        ([5, 3], 0, [[], []]),
    ],
)
def test_last_frames_are_those_before_the_end_of_each_utterance(ends, count, expected):
    frames = last_frames(torch.arange(10).view(2, 5, 1), torch.tensor(ends), count)
    assert frames.shape == (2, count, 1)
    assert frames.squeeze(2).tolist() == expected


def test_causal_mask_is_the_lower_triangle():
    assert make_causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True] * 3]


def test_half_of_the_sampled_chunks_are_full_context_and_the_others_of_any_size_alike():
    """Draws of 51 .. 99 mean full context, and draws of 1 .. 50 give each of 25 sizes twice."""
    drawn = [sample_chunk_size(100, 25) for _ in range(5000)]
    counts = {size: drawn.count(size) / len(drawn) for size in set(drawn)}
    assert set(counts) == {-1, *range(1, 26)}
    for size, share in counts.items():
        expected = 49 / 99 if size == -1 else 2 / 99
        assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / len(drawn))


def test_a_single_frame_has_full_context():
    assert sample_chunk_size(1, 25) == -1
