"""Parameters of the modules that a config names."""

import pytest
import torch
from torch import nn

from moeasr.errors import InputError
from moeasr.module_names import find_parameters, name_frozen


def make_tree():
    """Return a model with blocks, in which `ctc` is a part of the encoder and beside it."""
    ctc = nn.Linear(2, 3)
    blocks = nn.ModuleList(
        nn.ModuleDict({"router": nn.Linear(2, 2, bias=False), "norm": nn.LayerNorm(2)})
        for _ in range(2)
    )
    encoder = nn.ModuleDict({"blocks": blocks, "dropout": nn.Dropout(), "ctc": ctc})
    return nn.ModuleDict({"encoder": encoder, "ctc": ctc})


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], []),
        (["encoder.blocks.0.norm"], ["blocks.0.norm.weight", "blocks.0.norm.bias"]),
        (["*.router"], ["blocks.0.router.weight", "blocks.1.router.weight"]),
        (["ctc"], ["ctc.weight", "ctc.bias"]),
        (["encoder.ctc"], ["ctc.weight", "ctc.bias"]),
        (["ctc", "encoder.blocks.1.router"], ["ctc.weight", "ctc.bias", "blocks.1.router.weight"]),
    ],
)
def test_modules_are_found_by_path_or_pattern(names, found):
    model = make_tree()
    expected = {model["encoder"].get_parameter(name) for name in found}
    assert find_parameters(model, names, "a.b") == expected
    assert find_parameters(model, ["*"], "a.b") == set(model.parameters())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("encodr", "`a.b` contains `encodr`, but the model has only the modules encoder, ctc"),
        ("*.experts", "the model has only the modules encoder, ctc"),
        ("encoder.block", "`encoder` has only the modules blocks, ctc"),
        ("encoder.blocks.2", "`encoder.blocks` has only the modules 0, 1"),
        ("encoder.dropout", "`encoder.dropout` has no modules with parameters"),
        ("ctc.weight", "`ctc` has no modules with parameters"),
        ("", "the model has only the modules encoder, ctc"),
    ],
)
def test_a_name_that_fits_nothing_is_refused_with_those_there_are(name, reason):
    with pytest.raises(InputError, match=reason.replace("*", r"\*") + "$"):
        find_parameters(make_tree(), [name], "a.b")


def test_parameters_of_a_model_without_weights_are_found():
    with torch.device("meta"):
        model = make_tree()
    assert len(find_parameters(model, ["encoder"], "a.b")) == 8


def test_modules_with_frozen_parameters_are_named_for_a_message():
    model = make_tree()
    norms = [f"encoder.blocks.{number}.norm" for number in (0, 1)]
    names = [*norms, "encoder.dropout", "ctc", "encoder.blocks", "encoder.ctc", "encoder"]
    assert name_frozen(model, names, set()) == ""
    frozen = {model.get_parameter("encoder.blocks.1.norm.bias")}
    assert name_frozen(model, names, frozen) == "encoder.blocks.1.norm, encoder.blocks, encoder"
    everything = name_frozen(model, names, set(model.parameters()))
    assert everything == f"{', '.join(norms)}, ctc, encoder.blocks and 2 more"
