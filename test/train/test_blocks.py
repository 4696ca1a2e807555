"""Blocks of a network, as units of sharding and of recomputation."""

import pytest
import torch
from systems import BATCH, SYSTEMS, make_system

from moeasr.seed import seed_all
from moeasr.train.blocks import find_blocks, find_units, recompute_blocks


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_parameter_is_in_one_unit_at_most_and_all_of_a_block_are_in_units(name):
    """A parameter in two units would get wrong gradients, without an error."""
    model = make_system(name)
    units = find_units(model)
    owners = {}
    for number, unit in enumerate(units):
        inside = [other for other in units if other in set(unit.modules()) - {unit}]
        nested = {module for other in inside for module in other.modules()}
        for module in set(unit.modules()) - nested:
            for parameter in module.parameters(recurse=False):
                assert owners.setdefault(parameter, number) == number
    blocks = find_blocks(model)
    assert {p for block in blocks for p in block.parameters()} == set(owners)
    place = {unit: number for number, unit in enumerate(units)}
    for block in blocks:  # the parts of a unit come before it
        assert all(place[m] < place[block] for m in block.modules() if m in place and m != block)


def test_blocks_of_encoders_and_decoders_are_found():
    model = make_system("speechmoe")
    stacks = [model.encoder, model.embedding.encoder, model.decoder, model.reverse_decoder]
    assert set(find_blocks(model)) == {block for stack in stacks for block in stack.blocks}


def test_modules_that_blocks_share_are_units_of_their_own():
    model = make_system("shared_consecutive")
    units = find_units(model)
    first = model.encoder.blocks[0]
    shared = [first.attention, first.convolution.depthwise, first.feed_forward.experts]
    assert all(module in units for module in shared)
    assert first.convolution.norm not in units and first.feed_forward.router not in units


@pytest.mark.parametrize("name", SYSTEMS)
def test_recomputed_blocks_have_the_same_loss_statistics_and_gradients(name):
    results = []
    for is_recomputed in (False, True):
        seed_all(1)
        model = make_system(name, rates={"dropout": 0.1, "attention_dropout": 0.1})
        if is_recomputed:
            recompute_blocks(model)
        seed_all(2)
        output = model(*BATCH)
        output.loss.backward()
        gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        results.append((output.loss.detach(), output.expert_loads, gradients, torch.rand(3)))
    one, other = results
    assert torch.equal(one[0], other[0]) and torch.equal(one[3], other[3])
    for mine, its in zip(one[1:3], other[1:3]):
        assert mine.keys() == its.keys()
        assert all(torch.equal(mine[name], its[name]) for name in mine)
