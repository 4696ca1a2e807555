"""The utterances on which a conversion is measured, and how its change is shown."""

from itertools import islice

import torch
from systems import NUM_MEL_BINS, SYSTEMS, encoder, make_system, moe

from moeasr.convert.output_change import Change
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.report.conversion import change_lines, random_inputs


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


def test_noise_is_in_every_language_of_the_model():
    routed = encoder(moe(router="language", num_experts=6))
    model = make_system("u2pp_moe", encoder=routed, languages=("en", "zh", "de"))
    # each of the three is missing from 100 draws once in 10^17
    languages = [int(inputs.languages) for inputs in islice(random_inputs(model, seed=1), 100)]
    assert set(languages) == {0, 1, 2}


def test_a_change_has_a_line_for_each_kind_of_output():
    change = {"CTC log-probabilities": Change(0.5, 0.0125), "decoder logits": Change(2.0, 0.25)}
    title, *lines = change_lines(change, 2, "data/dev")
    assert "on 2 utterances of data/dev (absolute difference in float64)" in title
    assert [line.split() for line in lines] == [
        ["CTC", "log-probabilities", "largest", "5.00e-01", "mean", "1.25e-02"],
        ["decoder", "logits", "largest", "2.00e+00", "mean", "2.50e-01"],
    ]
