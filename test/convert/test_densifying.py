"""Conversion of whole models with experts into dense models."""

import dataclasses

import pytest
import torch
from systems import encoder, make_system, moe

from moeasr.convert.densifying import dense_config, densify_into, measure_bank_usage
from moeasr.convert.output_change import measure_change
from moeasr.convert.upcycling import upcycle_into
from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.feed_forwards import FEED_FORWARDS
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.teacher_forced import Inputs
from moeasr.moe.expert_copies import DENSIFY_METHODS
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig

DENSE = DenseConfig(hidden_units=24)
MOE = MoeConfig(hidden_units=24, num_experts=4, experts_per_frame=2)


def model_of(ff, macaron=None, decoder=None, embedding=None, **encoder):
    config = ModelConfig(
        encoder=ConformerConfig(
            **{"num_blocks": 2, "d_model": 16, "num_heads": 2, "conv_kernel_size": 5, **encoder},
            feed_forward=ff,
            macaron_feed_forward=macaron or ff,
        ),
        decoder=DecoderConfig(
            num_blocks=1, num_reverse_blocks=1, num_heads=2, feed_forward=decoder or ff
        ),
        embedding=embedding,
        routing_losses={"z": 0.1 if ff.type == "moe" else 0.0},
    )
    return build(config)


def build(config):
    return build_model(config, num_mel_bins=20, vocab_size=9).double().eval()


def densified(model, usage, method):
    dense = build(dense_config(model.config))
    names = densify_into(dense, model, usage, method)
    return dense, names


@pytest.fixture
def inputs():
    feats = torch.randn(2, 70, 20, dtype=torch.float64)
    tokens = torch.tensor([[3, 4, 4, 5], [6, 7, 0, 0]])
    return Inputs(feats, torch.tensor([70, 50]), tokens, torch.tensor([4, 2]))


@pytest.mark.parametrize("method", DENSIFY_METHODS)
@pytest.mark.parametrize("settings", [{"expert_weights": "full"}, {"activation": "relu"}])
def test_one_expert_there_and_back_is_bit_for_bit_the_same(method, settings, inputs):
    one = dataclasses.replace(MOE, num_experts=1, experts_per_frame=1, **settings)
    dense = model_of(dataclasses.replace(DENSE, activation=one.activation))
    model = model_of(one)
    upcycle_into(model, dense, 0.0, torch.Generator())
    back, names = densified(model, measure_bank_usage(model, [inputs]), method)
    assert back.config == dense.config
    assert len(names) == 6
    assert back.state_dict().keys() == dense.state_dict().keys()
    assert all(torch.equal(back.state_dict()[k], v) for k, v in dense.state_dict().items())


@pytest.mark.parametrize("method", DENSIFY_METHODS)
def test_a_shared_expert_and_equal_experts_become_one_wider_feed_forward(method, inputs):
    model = model_of(dataclasses.replace(MOE, shared_expert_units=10))
    for layer in model.moe_layers().values():
        bank = layer.experts
        bank.load_state_dict({k: v[:1].expand_as(v) for k, v in bank.state_dict().items()})
    back, _ = densified(model, measure_bank_usage(model, [inputs]), method)
    assert back.config.encoder.feed_forward == dataclasses.replace(DENSE, hidden_units=34)
    change = measure_change(model, back, [inputs])
    assert max(values.largest for values in change.values()) < 1e-12


@pytest.mark.parametrize("method", DENSIFY_METHODS)
def test_equal_experts_densify_to_what_they_were(method, inputs):
    dense, model = model_of(DENSE), model_of(MOE)
    upcycle_into(model, dense, 0.0, torch.Generator())
    back, _ = densified(model, measure_bank_usage(model, [inputs]), method)
    change = measure_change(model, back, [inputs])
    assert max(values.largest for values in change.values()) < 1e-12


def test_a_densified_model_needs_no_language(inputs):
    dense = model_of(DENSE)
    encoder = dataclasses.replace(
        dense.config.encoder, feed_forward=dataclasses.replace(MOE, router="language")
    )
    model = build(dataclasses.replace(dense.config, encoder=encoder, languages=("en", "zh")))
    upcycle_into(model, dense, 0.0, torch.Generator())
    told = inputs._replace(languages=torch.tensor([0, 1]))
    back, _ = densified(model, measure_bank_usage(model, [told]), "usage_average")
    assert back.config == dense.config
    change = measure_change(dense, back, [inputs])
    assert max(values.largest for values in change.values()) < 1e-12


@pytest.mark.parametrize("dense_hidden_units", [None, 24])
def test_a_densified_model_needs_no_head_that_chooses_groups(dense_hidden_units, inputs):
    """With copies of one feed-forward as experts, it computes what the groups computed."""
    experts = moe(router="learned_group")
    config = encoder(experts, num_dense_blocks=1, dense_hidden_units=dense_hidden_units)
    model = make_system("learned_group", encoder=config).eval()
    for layer in model.moe_layers().values():
        for parameter in layer.experts.parameters():
            parameter.data = parameter[:1].repeat(4, *[1] * (parameter.dim() - 1)).clone()
    usage = measure_bank_usage(model, [inputs])
    dense, _ = densified(model, usage, "usage_average")
    assert dense.config.heads == {} and not hasattr(dense, "accent")
    change = measure_change(model, dense, [inputs])
    assert max(values.largest for values in change.values()) < 1e-12


def test_usage_counts_valid_frames_and_tokens_over_all_batches(inputs):
    model = model_of(MOE)
    usage = measure_bank_usage(model, [inputs, inputs])
    assert list(usage) == [name for name, _ in model.moe_layers().items()]
    frames = model.output_len(70) + model.output_len(50)
    tokens = 4 + 1 + 2 + 1
    for name, bank in usage.items():
        num_frames = 2 * (tokens if "decoder" in name else frames)
        assert bank.num_frames == num_frames
        assert bank.load.sum() == 2 * num_frames  # K = 2
        assert bank.gain == pytest.approx(1.0)
    once = model(*inputs).expert_loads
    for load, bank in zip(once.values(), usage.values(), strict=True):
        assert torch.equal(2 * load.double(), bank.load)


def test_the_most_used_expert_of_each_layer_is_taken(inputs):
    model = model_of(MOE)
    usage = measure_bank_usage(model, [inputs])
    dense, _ = densified(model, usage, "most_used")
    for name, layer in model.moe_layers().items():
        best = int(usage[name].load.argmax())
        got = dense.get_submodule(name)
        assert torch.equal(got.w1.weight, layer.experts.w1[best])
        assert torch.equal(got.w2.bias, layer.experts.b2[best])


def test_the_average_is_weighted_by_the_load_of_the_layer(inputs):
    model = model_of(MOE)
    usage = measure_bank_usage(model, [inputs])
    dense, _ = densified(model, usage, "usage_average")
    for name, layer in model.moe_layers().items():
        share = usage[name].load / usage[name].load.sum()
        wanted = (share[:, None, None] * layer.experts.w2).sum(dim=0)
        torch.testing.assert_close(dense.get_submodule(name).w2.weight, wanted)


def test_full_weights_scale_the_output_by_their_mean_sum(inputs):
    full = dataclasses.replace(MOE, expert_weights="full")
    dense, model = model_of(DENSE), model_of(full)
    upcycle_into(model, dense, 0.0, torch.Generator())
    usage = measure_bank_usage(model, [inputs])
    back, names = densified(model, usage, "usage_average")
    for name in names:
        assert 2 / 4 < usage[name].gain < 1  # the best 2 of 4 have more than their fair part
        got, original = back.get_submodule(name), dense.get_submodule(name)
        for scaled, plain in ((got.w2.weight, original.w2.weight), (got.w2.bias, original.w2.bias)):
            torch.testing.assert_close(scaled, plain * usage[name].gain)
        torch.testing.assert_close(got.w1.weight, original.w1.weight)
    # nearer to the mixture than the feed-forward without the scale
    means = [
        measure_change(model, other, [inputs])["CTC log-probabilities"].mean
        for other in (back, dense)
    ]
    assert means[0] < means[1]


def test_a_mixed_model_keeps_its_dense_feed_forwards(inputs):
    model = model_of(MOE, macaron=DenseConfig(hidden_units=10), decoder=DENSE)
    back, names = densified(model, measure_bank_usage(model, [inputs]), "most_used")
    assert names == ["encoder.blocks.0.feed_forward", "encoder.blocks.1.feed_forward"]
    assert back.config.encoder.macaron_feed_forward.hidden_units == 10
    assert torch.equal(
        back.encoder.blocks[1].macaron_feed_forward.w1.weight,
        model.encoder.blocks[1].macaron_feed_forward.w1.weight,
    )


def test_a_shared_bank_becomes_one_shared_feed_forward_by_the_load_of_all_its_layers(inputs):
    model = model_of(MOE, num_groups=1)
    usage = measure_bank_usage(model, [inputs])
    first, second = "encoder.blocks.0.feed_forward", "encoder.blocks.1.feed_forward"
    loads = dict(
        zip((name for name, _ in model.moe_layers().items()), model(*inputs).expert_loads.values())
    )
    assert torch.equal(usage[first].load, (loads[first] + loads[second]).double())
    assert usage[first] is usage[second]
    back, _ = densified(model, usage, "usage_average")
    assert back.encoder.blocks[0].feed_forward is back.encoder.blocks[1].feed_forward


def test_what_only_routers_need_is_dropped(inputs):
    embedding = EmbeddingConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2, conv_kernel_size=5)
    )
    router = dataclasses.replace(MOE, router="embedding")
    model = model_of(router, decoder=DENSE, embedding=embedding)
    back, _ = densified(model, measure_bank_usage(model, [inputs]), "usage_average")
    assert back.embedding is None and back.config.embedding is None
    assert back.config.routing_losses == {}


def test_a_dense_model_is_refused():
    model = model_of(DENSE)
    with pytest.raises(InputError, match="no experts"):
        densified(model, {}, "most_used")


def test_feed_forwards_of_other_classes_are_unchanged(monkeypatch):
    monkeypatch.setitem(FEED_FORWARDS, "own", FEED_FORWARDS["dense"])
    config = ModelConfig(encoder=ConformerConfig(feed_forward=DenseConfig(type="own")))
    assert dense_config(config) == config


def test_merged_experts_are_averaged_by_their_shares(inputs):
    """The average of W with the shares of the only utterance is its merged expert."""
    merged = dataclasses.replace(
        MOE, router="utterance", merge=True, experts_per_frame=1, expert_weights="full"
    )
    model = model_of(merged, decoder=DENSE, dynamic_chunk=False, num_blocks=1)
    one = Inputs(*(part[:1] for part in inputs[:4]))
    back, _ = densified(model, measure_bank_usage(model, [one]), "usage_average")
    changes = measure_change(model, back, [one]).values()
    assert max(change.largest for change in changes) < 1e-12
