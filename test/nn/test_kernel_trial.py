"""The fastest kernel is chosen, if it computes what the plain one does."""

import time

import pytest
import torch
import torch.nn.functional as F

from moeasr.nn import kernel_trial
from moeasr.nn.kernel_trial import fastest_maker
from moeasr.nn.linear_kernels import KERNELS, KernelFamily


def maker(sec_of_rows=None, factor=1.0, fault=None):
    """A maker of kernels that take some processor time, with outputs off by a factor."""

    def make(weight, bias, with_silu):
        if fault is not None:
            raise fault("no such operator")

        def kernel(x):
            if sec_of_rows is not None:
                end_sec = time.thread_time() + sec_of_rows(len(x))
                while time.thread_time() < end_sec:
                    pass
            return factor * F.linear(x, weight, bias)

        return kernel

    return make


def choice(*makers):
    return fastest_maker(KernelFamily(makers, 1e-3), 6, 5, False, 1)


SLOW, FAST = maker(lambda rows: 0.004), maker(lambda rows: 0.001)


@pytest.mark.parametrize("others", [(FAST,), (SLOW, FAST), (FAST, SLOW)])
def test_the_fastest_kernel_is_chosen(others):
    assert choice(SLOW, *others) is FAST


def test_the_plain_kernel_needs_no_trial_and_wins_ties():
    assert choice(SLOW) is SLOW
    assert choice(SLOW, maker(lambda rows: 0.0039)) is SLOW


def test_a_few_rows_count_as_much_as_many():
    """Four times as fast on 4 rows and half as fast on 256 is a loss, though shorter in sum."""
    plain = maker(lambda rows: {4: 0.004, 64: 0.001, 256: 0.001}[rows])
    other = maker(lambda rows: {4: 0.001, 64: 0.0015, 256: 0.002}[rows])
    assert choice(plain, other) is plain


@pytest.mark.parametrize(
    "bad", [{"factor": 1.01}, {"factor": float("nan")}, {"fault": RuntimeError}]
)
def test_a_kernel_that_is_wrong_or_missing_is_not_used(bad):
    fast = lambda rows: 0.0  # noqa: E731
    assert choice(SLOW, maker(fast, **bad)) is SLOW
    assert choice(SLOW, maker(fast, fault=AttributeError), FAST) is FAST


def test_a_choice_is_made_once_per_shape_and_number_of_threads(monkeypatch):
    shapes = []
    trial = kernel_trial._best_seconds

    def count(ready, batches):
        shapes.append(batches[0].size(1))
        return trial(ready, batches)

    monkeypatch.setattr(kernel_trial, "_best_seconds", count)
    family = KernelFamily((maker(), maker()), 1e-3)
    for num_inputs in (6, 7, 6):
        for num_threads in (1, 2):
            fastest_maker(family, num_inputs, 5, False, num_threads)
    assert shapes == [6, 6, 7, 7]


@pytest.mark.parametrize("precision", KERNELS)
def test_a_trial_takes_a_fraction_of_a_second(precision):
    """A model has some six shapes of layers; the limit is of processor time, and generous."""
    start_sec = time.process_time()
    assert fastest_maker(KERNELS[precision], 251, 1023, True, 1) in KERNELS[precision].makers
    assert time.process_time() - start_sec < 0.3


def test_the_default_number_of_rounds_ends_when_time_is_up():
    calls = []
    slow = maker(lambda rows: calls.append(rows) or 0.006)
    choice(slow, maker(lambda rows: 0.006))
    wanted = kernel_trial.MIN_ROUNDS + 1  # one call computes the outputs that others must equal
    assert calls == wanted * list(kernel_trial.TRIAL_ROWS)


def test_the_trial_does_not_change_random_numbers():
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    fastest_maker(KernelFamily((maker(), maker()), 1e-3), 8, 5, False, 1)
    assert torch.equal(torch.rand(3), wanted)
