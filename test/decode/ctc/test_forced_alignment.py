"""Token times from forced alignment, against a search over all alignments."""

import itertools
import math

import pytest
import torch

from moeasr.decode.ctc.forced_alignment import align_best, align_tokens
from moeasr.decode.hypothesis import Hypothesis


def best_runs(log_probs, tokens):
    """Return the peaks and runs of the best of all V^T alignments that collapse to `tokens`."""
    num_frames, vocab_size = log_probs.shape

    def collapsed(path):
        return tuple(token for token, _ in itertools.groupby(path) if token != 0)

    paths = (p for p in itertools.product(range(vocab_size), repeat=num_frames))
    fitting = [path for path in paths if collapsed(path) == tokens]
    path = max(fitting, key=lambda path: sum(log_probs[t, c] for t, c in enumerate(path)))
    runs = [(c, list(run)) for c, run in itertools.groupby(range(num_frames), lambda t: path[t])]
    peaks = tuple(max(run, key=lambda t: log_probs[t, c]) for c, run in runs if c != 0)
    return peaks, tuple((run[0], run[-1] + 1) for c, run in runs if c != 0)


@pytest.mark.parametrize("tokens", [(1,), (2, 1), (1, 1), (2, 2, 1), (1, 2, 1, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_runs_equal_those_of_the_best_alignment(tokens, seed):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(6, 3, generator=generator, dtype=torch.float64).log_softmax(-1)
    alignment = align_tokens(log_probs, tokens)
    assert (alignment.frames, alignment.spans) == best_runs(log_probs, tokens)
    posteriors = [float(log_probs[t, c].exp()) for t, c in zip(alignment.frames, tokens)]
    assert alignment.confidence == pytest.approx(posteriors, abs=1e-12)


def test_alignment_needs_enough_frames_and_no_blank_among_the_tokens():
    log_probs = torch.zeros(3, 4).log_softmax(-1)
    assert align_tokens(log_probs, (1, 2, 3)).frames == (0, 1, 2)
    assert align_tokens(log_probs, (1, 1, 2)) is None
    assert align_tokens(log_probs, ()) == ((), (), ())
    assert align_tokens(log_probs, (1, 0)) is None


def test_bfloat16_log_probabilities_are_aligned_like_the_same_float32_values():
    log_probs = torch.randn(6, 3).log_softmax(-1).bfloat16()
    assert align_tokens(log_probs, (2, 1)) == align_tokens(log_probs.float(), (2, 1))


def test_only_the_best_hypothesis_is_aligned_and_padding_is_ignored():
    log_probs = torch.full((1, 5, 3), -9.0)
    log_probs[0, [0, 1, 2], [0, 1, 0]] = -0.1
    log_probs[0, 3:, 1] = 0.0  # padding with a higher score than every frame
    nbest = [[Hypothesis(tokens=(1,), score=-1.0), Hypothesis(tokens=(2,), score=-2.0)]]
    ((best, second),) = align_best(nbest, log_probs, torch.tensor([3]))
    assert (best.frames, best.spans) == ((1,), ((1, 2),))
    assert best.token_confidence == pytest.approx([math.exp(-0.1)])
    assert second.frames is second.spans is second.token_confidence is None


def test_token_confidence_from_a_decoder_is_kept():
    log_probs = torch.zeros(1, 3, 4).log_softmax(-1)
    hypothesis = Hypothesis(tokens=(1, 2), score=-1.0, token_confidence=(0.9, 0.8))
    ((best,),) = align_best([[hypothesis]], log_probs, torch.tensor([3]))
    assert best.token_confidence == (0.9, 0.8)
    assert len(best.spans) == 2
