"""The memory of activations: against the tensors that a real forward pass of the batch keeps."""

import dataclasses

import pytest
import torch
from systems import NUM_MEL_BINS, SYSTEMS, make_system

from moeasr.models.activations import (
    BatchShape,
    inputs_of,
    measure_activations,
    plan_activations,
    use_most_experts,
    without_memory,
)
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig

SHAPE = BatchShape(num_utts=5, num_frames=120, num_tokens=6)
VOCAB_SIZE = 9


def real(config):
    return build_model(config, NUM_MEL_BINS, VOCAB_SIZE).train()


def planned(config):
    with torch.device("meta"):
        model = build_model(config, NUM_MEL_BINS, VOCAB_SIZE)
    return without_memory(model).train()


def twin(model, shape, lower=False):
    """Return the bytes of the storages that a forward pass keeps, by a list of them all."""
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t)
    with hooks, torch.autocast("cpu", torch.bfloat16, enabled=lower):
        loss = model(*inputs_of(model, shape)).loss
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    assert loss.isfinite()
    return sum(size for storage, size in sizes.items() if storage not in own)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_activations_of_a_batch_follow_from_one_and_two_utterances(system, lower):
    """The model of the plan has no memory for its weights; the other is a real one."""
    config = ModelConfig(**SYSTEMS[system])
    found = plan_activations(planned(config), SHAPE, lower=lower).total
    assert found == pytest.approx(twin(real(config), SHAPE, lower), rel=0.02)


def test_two_views_are_twice_the_utterances():
    dense = {**SYSTEMS["dense"], "consistency_weight": 0.2}
    one, two = (ModelConfig(**settings) for settings in (SYSTEMS["dense"], dense))
    single = measure_activations(real(one), SHAPE._replace(num_utts=10)).total
    double = measure_activations(real(two), SHAPE._replace(num_views=2)).total
    assert single < double < 1.1 * single  # the divergence of the views adds a little


def test_blocks_keep_their_own_share():
    """Three equal blocks keep equally much; recomputed, one of them and all inputs count."""
    encoder = SYSTEMS["dense"]["encoder"]
    config = ModelConfig(**{"encoder": dataclasses.replace(encoder, num_blocks=3)})
    model = real(config)
    blocks = list(model.encoder.blocks)
    whole, parts = measure_activations(model, SHAPE), measure_activations(model, SHAPE, blocks)
    assert parts.total == whole.total and whole.recomputed == whole.total
    first, second, third = parts.within.values()
    assert second == third > 0 and abs(first - second) <= 0.05 * second
    num_frames = model.output_len(SHAPE.num_frames)
    assert parts.inputs == 3 * 4 * SHAPE.num_utts * num_frames * model.encoder.d_model
    assert parts.recomputed == parts.outside + parts.inputs + 2 * max(parts.within.values())


def test_a_model_without_memory_has_the_same_names_and_shares_the_same_parameters():
    config = ModelConfig(**SYSTEMS["shared_interleaved"])
    one, other = real(config), planned(config)
    assert {n: t.shape for n, t in one.state_dict().items()} == {
        n: t.shape for n, t in other.state_dict().items()
    }
    assert all((tensor == 0).all() for tensor in other.state_dict().values())
    assert sum(p.numel() for p in one.parameters()) == sum(p.numel() for p in other.parameters())


@pytest.mark.parametrize(("name", "most"), [("drawn_experts", 4), ("u2pp_moe", 2), ("omni", 2)])
def test_all_steps_use_the_most_experts_of_training_but_evaluation_does_not(name, most):
    model = make_system(name)
    routers = [layer.router for layer in model.moe_layers().values()]
    use_most_experts(model)
    for step in range(1, 6):
        model.start_step(step)
        assert {router.experts_per_frame for router in routers} == {most}
    model.eval()
    assert {router.experts_per_frame for router in routers} == {2}
