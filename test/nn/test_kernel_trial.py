"""The fastest kernel is chosen if its outputs equal those of the plain kernel."""

import pytest
import torch
import torch.nn.functional as F
from fake_clock import FakeClock

from moeasr.nn import kernel_trial
from moeasr.nn.kernel_trial import (
    FEW_ROWS,
    TRIAL_ROWS,
    Choice,
    fastest_makers,
    sums_are_exact,
)
from moeasr.nn.linear_kernels import KernelFamily

CLOCK = FakeClock()


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(kernel_trial, "time", CLOCK)


def maker(sec_of_rows=lambda rows: 0.001, factor=1.0, fault=None):
    """A maker of kernels that take some time, with outputs off by a factor."""

    def make(weight, bias, with_silu):
        if fault is not None:
            raise fault("no such operator")

        def kernel(x):
            CLOCK.advance(sec_of_rows(len(x)))
            return factor * F.linear(x, weight, bias)

        return kernel

    return make


def choice(*makers, splits=False, has_few_rows=True):
    return fastest_makers(KernelFamily(makers, 1e-3, splits), 6, 5, False, has_few_rows, 1)


def chosen(*makers, **settings):
    """The maker that is chosen for all numbers of rows."""
    few, more = choice(*makers, **settings)
    assert few is more
    return few


SLOW_SEC, FAST_SEC = 0.0012, 0.0003
SLOW, FAST = maker(lambda rows: SLOW_SEC), maker(lambda rows: FAST_SEC)
FAST_ON_FEW = maker(lambda rows: FAST_SEC if rows <= FEW_ROWS else SLOW_SEC)
FAST_ON_MORE = maker(lambda rows: SLOW_SEC if rows <= FEW_ROWS else FAST_SEC)


@pytest.mark.parametrize("others", [(FAST,), (SLOW, FAST), (FAST, SLOW)])
def test_the_fastest_kernel_is_chosen(others):
    assert chosen(SLOW, *others) is FAST


def test_the_plain_kernel_needs_no_trial_and_wins_ties():
    assert chosen(SLOW) is SLOW
    assert chosen(SLOW, maker(lambda rows: 0.98 * SLOW_SEC)) is SLOW


def test_a_layer_may_have_one_kernel_for_a_few_rows_and_one_for_more():
    makers = (SLOW, FAST_ON_FEW, FAST_ON_MORE)
    assert choice(*makers, splits=True) == Choice(FAST_ON_FEW, FAST_ON_MORE)
    assert choice(FAST_ON_FEW, FAST_ON_MORE, splits=True) == Choice(FAST_ON_FEW, FAST_ON_MORE)
    chosen(*makers)  # but not of a precision in which a copy of the weights is large


def test_a_second_copy_of_the_weights_needs_a_gain():
    little = maker(lambda rows: 0.9 * FAST_SEC if rows <= FEW_ROWS else SLOW_SEC)
    assert chosen(SLOW, FAST, little, splits=True) is FAST


def test_a_few_rows_count_as_much_as_more_rows_unless_they_are_rare():
    """A kernel that is twice as slow for a few rows is rejected, even if it is faster for many."""
    plain = maker(lambda rows: 0.0005 if rows <= FEW_ROWS else 0.003)
    other = maker(lambda rows: 0.001 if rows <= FEW_ROWS else 0.0015)
    assert chosen(plain, other) is plain
    assert chosen(plain, other, has_few_rows=False) is other


@pytest.mark.parametrize(
    "bad", [{"factor": 1.01}, {"factor": float("nan")}, {"fault": RuntimeError}]
)
def test_a_kernel_that_is_wrong_or_missing_is_not_used(bad):
    fast = maker(lambda rows: 0.0, **bad)
    assert chosen(SLOW, fast) is SLOW
    assert chosen(SLOW, fast, maker(fault=AttributeError), FAST) is FAST


def test_a_kernel_whose_sums_overflow_for_the_largest_values_only_is_not_used():
    def overflowing(weight, bias, with_silu):
        def kernel(x):
            y = F.linear(x, weight, bias)
            return y / 2 if (x == 1).all() else y

        return kernel

    with torch.inference_mode():
        assert not sums_are_exact(overflowing)
        assert sums_are_exact(FAST)
    assert chosen(SLOW, overflowing) is SLOW


def test_a_choice_is_made_once_per_shape_and_number_of_threads(monkeypatch):
    shapes = []
    trial = kernel_trial._best_seconds

    def count(ready, batches):
        shapes.append(batches[16].size(1))
        return trial(ready, batches)

    monkeypatch.setattr(kernel_trial, "_best_seconds", count)
    family = KernelFamily((maker(), maker()), 1e-3, False)
    for num_inputs in (6, 7, 6):
        for num_threads in (1, 2):
            fastest_makers(family, num_inputs, 5, False, True, num_threads)
    assert shapes == [6, 6, 7, 7]


def test_no_further_round_begins_when_time_is_up():
    calls = []
    slow = maker(lambda rows: calls.append(rows) or 0.003)
    choice(slow, maker(lambda rows: 0.003))
    rounds = kernel_trial.MIN_ROUNDS + 1  # one more computes the outputs that others must equal
    assert calls == rounds * [rows for group in TRIAL_ROWS for rows in group]


def test_the_trial_does_not_change_random_numbers():
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    choice(maker(), maker())
    assert torch.equal(torch.rand(3), wanted)
