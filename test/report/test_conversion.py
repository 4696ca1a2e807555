"""The utterances on which a conversion is measured when there is no speech."""

from itertools import islice

import torch
from systems import NUM_MEL_BINS, SYSTEMS

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.report.conversion import random_inputs


def test_noise_has_the_mean_and_deviation_of_the_training_set():
    mean, deviation = torch.linspace(-6, 9, NUM_MEL_BINS), torch.linspace(0.5, 4, NUM_MEL_BINS)
    model = build_model(ModelConfig(**SYSTEMS["dense"]), NUM_MEL_BINS, 9, (mean, 1 / deviation))
    inputs = list(islice(random_inputs(model, seed=1), 20))
    feats = torch.cat([utterance.feats[0] for utterance in inputs])
    assert feats.shape == (20 * 200, NUM_MEL_BINS)
    # five standard errors of a mean and of a deviation of n = 4000 normal samples
    assert ((feats.mean(0) - mean).abs() < 5 * deviation / 4000**0.5).all()
    assert ((feats.std(0) / deviation - 1).abs() < 5 / 8000**0.5).all()
    # units are all but the blank; each of the 8 is missing from 240 draws once in 10^13
    units = torch.cat([utterance.tokens[0] for utterance in inputs])
    assert units.unique().tolist() == list(range(1, 9))
    for utterance, again in zip(inputs, random_inputs(model, seed=1)):
        assert utterance.feats_lens.tolist() == [200]
        assert utterance.tokens_lens.tolist() == [12]
        assert torch.equal(utterance.feats, again.feats)
        assert torch.equal(utterance.tokens, again.tokens)
