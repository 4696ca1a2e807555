"""Division by line and by speaker, compared with a slow reference."""

import random

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.split import balance, split_by_speaker, split_evenly


@pytest.mark.parametrize(("num_lines", "num_parts"), [(7, 3), (3, 3), (10, 1), (100, 7)])
def test_even_parts(num_lines, num_parts):
    lines = [str(n).encode() for n in range(num_lines)]
    parts = split_evenly(lines, num_parts, "x")
    assert [line for part in parts for line in part] == lines
    sizes = [len(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] - sizes[-1] <= 1


@pytest.mark.parametrize(
    ("counts", "num_parts", "starts"),
    [
        ([1, 1, 1, 1], 2, [0, 2, 4]),
        ([1] * 5, 2, [0, 3, 5]),  # floor(i * 2 / 5) = 0 0 0 1 1
        ([6, 1, 1, 1, 1], 2, [0, 1, 5]),  # 8 | 2, then 7 | 3, then 6 | 4
        ([1, 1, 1, 1, 6], 2, [0, 4, 5]),  # 3 | 7, then 4 | 6
        ([5, 4, 3], 3, [0, 1, 2, 3]),
    ],
)
def test_balance_of_known_cases(counts, num_parts, starts):
    assert balance(counts, num_parts) == starts


def test_no_move_over_a_boundary_makes_the_parts_more_equal():
    """The property that holds at the end of the iteration, for random speakers."""
    generator = random.Random(0)
    for _ in range(200):
        counts = [generator.randint(1, 30) for _ in range(generator.randint(1, 30))]
        num_parts = generator.randint(1, len(counts))
        starts = balance(counts, num_parts)
        assert starts[0] == 0 and starts[-1] == len(counts) and starts == sorted(starts)
        for a, b, c in zip(starts, starts[1:], starts[2:]):
            left, right = counts[a:b], counts[b:c]
            difference = abs(sum(left) - sum(right))
            if left:
                assert abs(sum(left) - sum(right) - 2 * left[-1]) >= difference
            if right:
                assert abs(sum(left) - sum(right) + 2 * right[0]) >= difference


def test_speakers_stay_together_and_in_order():
    utt2spk = {b"u1": b"b", b"u2": b"a", b"u3": b"b", b"u4": b"c"}
    lines = [utt + b" x" for utt in utt2spk]
    parts = split_by_speaker(lines, utt2spk, 2, "x")
    assert parts == [[b"u1 x", b"u3 x"], [b"u2 x", b"u4 x"]]
    with pytest.raises(InputError, match="number of speakers 3 is less than the number of output"):
        split_by_speaker(lines, utt2spk, 4, "x")
