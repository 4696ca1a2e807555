"""Networks without values: those that are built with values, except for the values."""

import subprocess
import sys

import pytest
import torch
from recipe_experiments import recipe_experiments
from systems import SYSTEMS, make_system

from moeasr.models.shapes_only import shapes_only


@pytest.mark.parametrize("name", SYSTEMS)
def test_names_shapes_and_types_are_those_of_a_network_with_values(name):
    model = make_system(name)
    with shapes_only():
        without = make_system(name)
    whole, empty = model.state_dict(), without.state_dict()
    assert [(key, x.shape, x.dtype) for key, x in empty.items()] == [
        (key, x.shape, x.dtype) for key, x in whole.items()
    ]
    assert all(x.is_meta for x in empty.values()) and not any(x.is_meta for x in whole.values())


def test_a_division_of_tensors_has_the_shape_of_both():
    with shapes_only():
        assert (torch.ones(3, 1) / torch.ones(2)).shape == (3, 2)
        assert (torch.ones(2, dtype=torch.int64) / 2.0).dtype == torch.float32


def test_random_numbers_may_have_a_generator_and_other_devices_keep_their_values():
    with shapes_only():
        seeded = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
        assert seeded.is_meta and seeded.shape == (3, 2)
        halves = torch.ones(3, device="cpu") / 2.0
        drawn = torch.randn(1000, device="cpu")
    assert halves.tolist() == [0.5] * 3
    assert 0.8 < float(drawn.std()) < 1.2


BUILD = """
import sys
from moeasr.experiment.config import load_experiment
from moeasr.models.build import build_model
from moeasr.models.shapes_only import shapes_only

for path in sys.argv[1:]:
    with shapes_only():
        build_model(load_experiment(path).model, num_mel_bins=80, vocab_size=100)
assert not {"sympy", "torch._dynamo"} & sys.modules.keys()
"""


@pytest.mark.slow
def test_neither_sympy_nor_the_compiler_is_imported():
    """They take longer than all else that happens before a training starts."""
    paths = [str(path) for path in recipe_experiments() if path.parts[-3] == "mini"]
    assert paths
    subprocess.run([sys.executable, "-c", BUILD, *paths], check=True)
