"""Masks."""

import pytest
import torch

from moeasr.nn.mask import make_causal_mask, make_chunk_mask, make_valid_mask, sample_chunk_size


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


def test_causal_mask_is_the_lower_triangle():
    assert make_causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True] * 3]


def test_about_half_of_the_sampled_chunks_are_full_context():
    drawn = [sample_chunk_size(100, 25) for _ in range(2000)]
    full = sum(size == -1 for size in drawn) / len(drawn)
    assert 0.45 < full < 0.55
    assert {size for size in drawn if size != -1} == set(range(1, 26))


def test_a_single_frame_has_full_context():
    assert sample_chunk_size(1, 25) == -1
