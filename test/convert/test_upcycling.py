"""Conversion of whole dense models into models with experts."""

import dataclasses
import math
import re

import pytest
import torch

from moeasr.convert.output_change import measure_change
from moeasr.convert.transfer import feed_forwards
from moeasr.convert.upcycling import upcycle_into
from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.group_head import GroupConfig
from moeasr.models.teacher_forced import Inputs, run_teacher_forced
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.moe.routers import ROUTERS
from moeasr.nn.feed_forward import DenseConfig

DENSE = DenseConfig(hidden_units=24)
MOE = MoeConfig(hidden_units=24, num_experts=4, experts_per_frame=2)
FULL = dataclasses.replace(MOE, expert_weights="full")
NOISY = dataclasses.replace(MOE, router="noisy_top_k")
BY_EMBEDDING = dataclasses.replace(MOE, router="embedding")
EMBEDDING = EmbeddingConfig(
    encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2, conv_kernel_size=5)
)
GROUPED = ("language", "learned_group")
LAYERS = [
    "encoder.blocks.0.macaron_feed_forward",
    "encoder.blocks.0.feed_forward",
    "encoder.blocks.1.macaron_feed_forward",
    "encoder.blocks.1.feed_forward",
    "decoder.blocks.0.feed_forward",
    "reverse_decoder.blocks.0.feed_forward",
]


def config_of(
    ff,
    macaron=None,
    decoder=None,
    embedding=None,
    num_reverse_blocks=1,
    num_decoder_heads=2,
    heads=None,
    **settings,
):
    settings = {"num_blocks": 2, "d_model": 16, "num_heads": 2, "feed_forward": ff, **settings}
    kind = ENCODERS[settings.pop("type", "conformer")]
    if kind is ConformerConfig:
        settings = {"conv_kernel_size": 5, "macaron_feed_forward": macaron or ff, **settings}
    return ModelConfig(
        encoder=kind(**settings),
        decoder=DecoderConfig(
            num_blocks=1,
            num_reverse_blocks=num_reverse_blocks,
            num_heads=num_decoder_heads,
            feed_forward=decoder or ff,
        ),
        reverse_weight=0.3 if num_reverse_blocks else 0.0,
        embedding=embedding,
        heads=heads or {},
    )


def model_of(*args, vocab_size=9, **kwargs):
    cmvn = torch.randn(20), torch.rand(20) + 0.5
    return build_model(config_of(*args, **kwargs), 20, vocab_size, cmvn).double().eval()


def generator():
    return torch.Generator().manual_seed(1)


@pytest.fixture
def inputs():
    feats = torch.randn(2, 70, 20, dtype=torch.float64)
    tokens = torch.tensor([[3, 4, 4, 5], [6, 7, 0, 0]])
    return Inputs(feats, torch.tensor([70, 50]), tokens, torch.tensor([4, 2]))


def largest_change(before, after, inputs):
    change = measure_change(before, after, [inputs])
    assert set(change) == {
        "CTC log-probabilities",
        "decoder logits",
        "reverse decoder logits",
    }
    return max(values.largest for values in change.values())


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("router", sorted(ROUTERS.keys() - {"embedding", *GROUPED}))
def test_selected_weights_preserve_every_output(k, router, inputs):
    dense = model_of(DENSE)
    routed = dataclasses.replace(MOE, experts_per_frame=k, router=router)
    settings = {"dynamic_chunk": False, "decoder": MOE} if routed.sees_future else {}
    model = model_of(routed, **settings)
    assert largest_change(dense, model, inputs) > 1e-2
    assert upcycle_into(model, dense, 0.0, generator()) == LAYERS
    assert largest_change(dense, model, inputs) < 1e-12


def test_copies_that_are_merged_preserve_every_output(inputs):
    dense = model_of(DENSE)
    merging = {"router": "utterance", "merge": True}
    merged = dataclasses.replace(FULL, experts_per_frame=1, **merging)
    model = model_of(merged, decoder=MOE, dynamic_chunk=False)
    upcycle_into(model, dense, 0.0, generator())
    assert largest_change(dense, model, inputs) < 1e-12


def test_groups_that_a_new_head_chooses_preserve_every_output(inputs):
    """The dense blocks below the head are copied; the head keeps its own weights."""
    dense = model_of(DENSE)
    heads = {"spoken": GroupConfig(weight=1.0, labels=("en", "zh"))}
    grouped = dataclasses.replace(MOE, router="learned_group")
    model = model_of(grouped, decoder=MOE, heads=heads, num_dense_blocks=1)
    before = model.spoken.project.weight.clone()
    assert upcycle_into(model, dense, 0.0, generator()) == LAYERS[2:]
    assert largest_change(dense, model, inputs) < 1e-12
    assert torch.equal(model.spoken.project.weight, before)


def test_the_change_is_that_of_valid_frames_and_tokens_and_of_the_whole_set(inputs):
    one, other = model_of(DENSE), model_of(DENSE)
    spoilt = inputs._replace(
        feats=inputs.feats.clone().index_fill_(1, torch.arange(50, 70), 9.0),
        feats_lens=torch.tensor([50, 50]),
    )
    shorter = spoilt._replace(feats=spoilt.feats[:, :50])
    assert measure_change(one, other, [spoilt])["CTC log-probabilities"].mean == pytest.approx(
        measure_change(one, other, [shorter])["CTC log-probabilities"].mean, abs=1e-12
    )
    both = measure_change(one, other, [inputs, shorter])
    for what, values in both.items():
        parts = [measure_change(one, other, [part])[what] for part in (inputs, shorter)]
        assert values.largest == max(part.largest for part in parts)
        sizes = [run_teacher_forced(one, part).scores[what].numel() for part in (inputs, shorter)]
        mean = sum(part.mean * size for part, size in zip(parts, sizes)) / sum(sizes)
        assert values.mean == pytest.approx(mean)


@pytest.mark.parametrize("experts_per_frame", [1, 2])
def test_full_weights_change_the_outputs_and_are_warned_of(experts_per_frame, inputs, caplog):
    dense = model_of(DENSE)
    model = model_of(dataclasses.replace(FULL, experts_per_frame=experts_per_frame))
    assert upcycle_into(model, dense, 0.0, generator()) == LAYERS
    assert largest_change(dense, model, inputs) > 1e-3
    assert "expert_weights: full" in caplog.text and "6 of 6" in caplog.text


@pytest.mark.parametrize("weights", ["selected", "full"])
@pytest.mark.parametrize("num_groups", [None, 1])
def test_a_shared_expert_takes_the_feed_forward_and_the_routed_experts_are_silent(
    weights, num_groups, inputs, caplog
):
    dense = model_of(DENSE, num_groups=num_groups)
    experts = dataclasses.replace(MOE, hidden_units=5, expert_weights=weights)
    model = model_of(dataclasses.replace(experts, shared_expert_units=24), num_groups=num_groups)
    assert upcycle_into(model, dense, 0.0, generator()) == LAYERS
    assert largest_change(dense, model, inputs) < 1e-12
    assert not caplog.text
    layer = model.encoder.blocks[0].feed_forward
    assert layer.experts.w1.any() and not layer.experts.w2.any() and not layer.experts.b2.any()
    assert torch.equal(
        layer.shared_expert.w1.weight, dense.encoder.blocks[0].feed_forward.w1.weight
    )
    # noise separates the routed experts without a change of the outputs
    upcycle_into(model, dense, 0.5, generator())
    assert largest_change(dense, model, inputs) < 1e-12
    # the routed experts learn at once, and their routers when the experts are no longer silent
    model(*inputs[:4]).loss.backward()
    assert layer.experts.w2.grad.any() and not layer.router.weight.grad.any()


def test_selected_weights_are_not_warned_of(caplog):
    upcycle_into(model_of(MOE), model_of(DENSE), 0.0, generator())
    assert not caplog.text


def test_noise_changes_the_outputs_as_the_generator_has_it(inputs):
    dense = model_of(DENSE)
    models = [model_of(MOE) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2)):
        upcycle_into(model, dense, 0.1, torch.Generator().manual_seed(seed))
    names = [name for name in models[0].state_dict() if ".experts." in name]
    first, same, other = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], same[name]) for name in names)
    assert not any(torch.equal(first[name], other[name]) for name in names)
    assert largest_change(dense, models[0], inputs) > 1e-4
    bank = models[0].encoder.blocks[0].feed_forward.experts
    assert not torch.equal(bank.w1[0], bank.w1[1])


@pytest.mark.parametrize("num_groups", [None, 1])
def test_the_noise_is_as_strong_as_asked_for_in_banks_that_blocks_share_too(num_groups):
    """Within 5 standard errors of what n weights show of a deviation: 1 / sqrt(2 n) of it each."""
    dense, model = (model_of(ff, num_blocks=4, num_groups=num_groups) for ff in (DENSE, MOE))
    upcycle_into(model, dense, 0.1, generator())
    for name in ("macaron_feed_forward", "feed_forward"):
        bank = getattr(model.encoder.blocks[0], name).experts
        copied = getattr(dense.encoder.blocks[0], name).w1.weight
        added = (bank.w1 - copied).detach()
        ratio = float(added.std() / copied.detach().std())
        assert ratio == pytest.approx(0.1, rel=5 / math.sqrt(2 * added.numel()))


def test_everything_but_the_experts_routers_included_is_where_it_was(inputs):
    dense, model = model_of(DENSE), model_of(MOE)
    routers = {k: v.clone() for k, v in model.state_dict().items() if ".router." in k}
    upcycle_into(model, dense, 0.5, generator())
    after = model.state_dict()
    assert routers and all(torch.equal(after[name], value) for name, value in routers.items())
    kept = [name for name in after if ".router." not in name and ".experts." not in name]
    assert kept and all(torch.equal(after[name], dense.state_dict()[name]) for name in kept)


def test_a_mixed_model_keeps_its_dense_feed_forwards(inputs):
    macaron = DenseConfig(hidden_units=10)
    dense, model = model_of(DENSE, macaron), model_of(MOE, macaron, decoder=DENSE)
    assert upcycle_into(model, dense, 0.0, generator()) == [LAYERS[1], LAYERS[3]]
    assert largest_change(dense, model, inputs) < 1e-12


def test_existing_experts_are_copied_with_their_router(inputs):
    half, model = model_of(MOE, macaron=DENSE, decoder=DENSE), model_of(MOE)
    assert upcycle_into(model, half, 0.0, generator()) == [LAYERS[i] for i in (0, 2, 4, 5)]
    assert largest_change(half, model, inputs) < 1e-12


def test_an_existing_embedding_network_is_copied(inputs):
    half = model_of(BY_EMBEDDING, macaron=DENSE, decoder=DENSE, embedding=EMBEDDING)
    model = model_of(BY_EMBEDDING, decoder=DENSE, embedding=EMBEDDING)
    assert upcycle_into(model, half, 0.0, generator()) == [LAYERS[0], LAYERS[2]]
    assert largest_change(half, model, inputs) < 1e-12


def test_speechmoes_embedding_network_stays_as_it_is(inputs):
    dense = model_of(DENSE)
    model = model_of(BY_EMBEDDING, decoder=MOE, embedding=EMBEDDING)
    before = {k: v.clone() for k, v in model.embedding.state_dict().items()}
    assert upcycle_into(model, dense, 0.0, generator()) == LAYERS
    assert largest_change(dense, model, inputs) < 1e-12
    assert all(torch.equal(v, before[k]) for k, v in model.embedding.state_dict().items())


def test_a_transformer_encoder_and_shared_blocks(inputs):
    kind = {"type": "transformer", "memory_kernel_size": 3, "num_blocks": 4}
    dense, model = model_of(DENSE, **kind), model_of(MOE, **kind)
    assert len(upcycle_into(model, dense, 0.0, generator())) == 6
    assert largest_change(dense, model, inputs) < 1e-12

    dense, model = (model_of(ff, num_blocks=4, num_groups=2) for ff in (DENSE, MOE))
    assert len(upcycle_into(model, dense, 0.0, generator())) == 10
    assert largest_change(dense, model, inputs) < 1e-12
    blocks = model.encoder.blocks
    assert blocks[0].feed_forward.experts is blocks[1].feed_forward.experts
    upcycle_into(model, dense, 0.1, generator())
    assert largest_change(dense, model, inputs) > 1e-4


def test_blocks_that_differ_cannot_become_shared():
    model = model_of(MOE, num_groups=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(InputError, match=r"blocks\.0\..* and .*blocks\.1\..*num_groups"):
        upcycle_into(model, model_of(DENSE), 0.0, generator())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("make_dense", "make_model", "sentence"),
    [
        (
            lambda: model_of(DENSE),
            lambda: model_of(dataclasses.replace(MOE, hidden_units=12), decoder=MOE),
            r"`model\.encoder\.macaron_feed_forward\.hidden_units` is 12 but 24, "
            r"`model\.encoder\.feed_forward\.hidden_units` is 12 but 24 in the checkpoint.*"
            r"--set model\.encoder\.macaron_feed_forward\.hidden_units=24 "
            r"--set model\.encoder\.feed_forward\.hidden_units=24$",
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(dataclasses.replace(MOE, activation="relu")),
            r"`model\.encoder\.feed_forward\.activation` is relu but silu in the checkpoint",
        ),
        (
            lambda: model_of(DENSE, decoder=DENSE),
            lambda: model_of(MOE, decoder=dataclasses.replace(MOE, activation="relu")),
            r"`model\.decoder\.feed_forward\.activation` is relu but silu in the checkpoint",
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(MOE, macaron=dataclasses.replace(MOE, activation="relu")),
            r"`model\.encoder\.macaron_feed_forward\.activation` is relu but silu in the",
        ),
        (
            lambda: model_of(NOISY, macaron=DENSE),
            lambda: model_of(MOE),
            r"`model\.encoder\.feed_forward\.router` is top_k but noisy_top_k in the checkpoint",
        ),
        (
            lambda: model_of(MOE, macaron=DENSE),
            lambda: model_of(NOISY),
            r"`model\.encoder\.feed_forward\.router` is noisy_top_k but top_k in the checkpoint",
        ),
        (
            lambda: model_of(DENSE, macaron=DenseConfig(hidden_units=8)),
            lambda: model_of(MOE, macaron=DENSE),
            r"`model\.encoder\.macaron_feed_forward\.hidden_units` is 24 but 8 in",
        ),
        (
            lambda: model_of(DENSE, decoder=MOE),
            lambda: model_of(MOE, decoder=dataclasses.replace(MOE, num_experts=8)),
            r"`model\.decoder\.feed_forward\.num_experts` is 8 but 4 in the checkpoint",
        ),
        (
            lambda: model_of(DENSE, decoder=MOE),
            lambda: model_of(MOE, decoder=DENSE),
            r"`model\.decoder\.feed_forward` has no experts in decoder\.blocks\.0\.feed_forward "
            "because of `type: dense`, but has them in the checkpoint",
        ),
        (
            lambda: model_of(MOE, macaron=DENSE),
            lambda: model_of(MOE, num_dense_blocks=1),
            r"in encoder\.blocks\.0\.feed_forward because of `model\.encoder\.num_dense_blocks`",
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(dataclasses.replace(MOE, shared_expert_units=12)),
            r"`model\.encoder\.feed_forward\.shared_expert_units` is 12 but 24.*"
            r"--set model\.decoder\.feed_forward\.shared_expert_units=24$",
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(
                dataclasses.replace(MOE, shared_expert_units=24), macaron=DENSE, num_dense_blocks=1
            ),
            r"^`model\.encoder\.dense_hidden_units` is 48 but 24 in the checkpoint.*"
            r"--set model\.encoder\.dense_hidden_units=24$",
        ),
        (lambda: model_of(MOE), lambda: model_of(MOE), "nothing to upcycle"),
        (lambda: model_of(DENSE), lambda: model_of(DENSE), "nothing to upcycle"),
        (
            lambda: model_of(DENSE),
            lambda: model_of(MOE, d_model=32),
            r"`model\.encoder\.d_model` is 32 but 16 in the checkpoint;.*"
            r"encoder\.subsampling\.\S+ is \(32, 1, 3, 3\) but \(16, 1, 3, 3\)",
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(MOE, num_blocks=3),
            r"`model\.encoder\.num_blocks` is 3 but 2",
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(MOE, causal_conv=False, dynamic_chunk=False),
            r"`model\.encoder\.causal_conv` is False but True",  # no tensor would tell
        ),
        (
            lambda: model_of(DENSE),
            lambda: model_of(MOE, num_reverse_blocks=0),
            r"`model\.decoder\.num_reverse_blocks` is 0 but 1",
        ),
        (
            lambda: model_of(DENSE, vocab_size=11),
            lambda: model_of(MOE),
            r"ctc\.project\.weight is \(9, 16\) but \(11, 16\) in the checkpoint",
        ),
    ],
)
def test_models_that_do_not_fit_are_refused(make_dense, make_model, sentence):
    with pytest.raises(InputError, match=sentence):
        upcycle_into(make_model(), make_dense(), 0.0, generator())


CENTRED = {"causal_conv": False, "dynamic_chunk": False}
MEMORY = {"type": "transformer", "memory_kernel_size": 3}


@pytest.mark.parametrize(
    ("both", "changed", "key", "old"),
    [
        ({}, {"num_heads": 4}, "encoder.num_heads", 2),
        ({}, {"attention": "key_position"}, "encoder.attention", "relative"),
        ({}, {"conv_kernel_size": 7}, "encoder.conv_kernel_size", 5),
        ({}, {"conv_norm": "none"}, "encoder.conv_norm", "layer_norm"),
        (CENTRED, {"conv_edges": "after_gate"}, "encoder.conv_edges", "before_gate"),
        ({}, {"final_norm": True}, "encoder.final_norm", False),
        ({}, {"subsampling_channels": 8}, "encoder.subsampling_channels", 16),
        (MEMORY, {"memory_kernel_size": 5}, "encoder.memory_kernel_size", 3),
        (MEMORY, {"attention_every": 2}, "encoder.attention_every", 1),
        ({}, {"num_decoder_heads": 4}, "decoder.num_heads", 2),
    ],
)
def test_all_that_a_network_computes_must_agree_though_no_tensor_tells(both, changed, key, old):
    dense, model = model_of(DENSE, **both), model_of(MOE, **{**both, **changed})
    (new,) = changed.values()
    sentence = f"may differ from the checkpoint: `model.{key}` is {new} but {old} in the"
    with pytest.raises(InputError, match=re.escape(sentence)):
        upcycle_into(model, dense, 0.0, generator())


@pytest.mark.parametrize("noise", [-0.1, float("nan")])
def test_noise_below_zero_is_refused(noise):
    with pytest.raises(InputError, match="noise must be 0 or more"):
        upcycle_into(model_of(MOE), model_of(DENSE), noise, generator())


def test_a_shared_feed_forward_has_all_its_names():
    found = feed_forwards(model_of(DENSE, num_groups=1))
    assert list(found) == LAYERS
    assert found[LAYERS[1]] is found[LAYERS[3]]
    assert not any(isinstance(module, MoEFeedForward) for module in found.values())
