"""Initialisation of models with trained weights."""

import pytest
import torch
from systems import BATCH, CTC_ONLY, encoder, make_system

from moeasr.convert.initialise import copy_weights, start_embedding
from moeasr.errors import InputError
from moeasr.nn.feed_forward import DenseConfig


def test_a_model_of_the_same_shape_is_copied():
    source, target = make_system("u2pp_moe").eval(), make_system("u2pp_moe").eval()
    assert not torch.equal(source(*BATCH).loss, target(*BATCH).loss)
    copy_weights(source, target, "a.pt")
    assert torch.equal(source(*BATCH).loss, target(*BATCH).loss)


def test_another_shape_is_refused_by_name():
    reason = (
        r"^a\.pt does not fit this model: `encoder.feed_forward.type` is moe in the config but d"
    )
    with pytest.raises(InputError, match=reason):
        copy_weights(make_system("dense"), make_system("u2pp_moe"), "a.pt")


@pytest.mark.parametrize(
    ("source", "target", "key"),
    [
        ({}, {"num_groups": 1}, "encoder.num_groups"),
        ({"num_groups": 1}, {"num_groups": 1, "group_layout": "interleaved"}, "group_layout"),
        ({"causal_conv": False, "dynamic_chunk": False}, {}, "encoder.causal_conv"),
        ({"conv_kernel_size": 7}, {}, "encoder.conv_kernel_size"),
        ({"attention": "key_position"}, {}, "encoder.attention"),
        (
            {"feed_forward": DenseConfig(hidden_units=24, activation="relu")},
            {},
            "encoder.feed_forward.activation",
        ),
    ],
)
def test_a_network_that_computes_something_else_is_refused(source, target, key):
    """The network is refused although the names and shapes of all tensors match."""
    one, other = (make_system("dense", encoder=encoder(**kind)) for kind in (source, target))
    with pytest.raises(InputError, match=rf"a\.pt does not fit this model: .*{key}` is"):
        copy_weights(one, other, "a.pt")


def test_other_routing_of_the_same_experts_is_refused():
    one, other = make_system("u2pp_moe"), make_system("omni")
    with pytest.raises(InputError, match="router` is omni in the config but top_k in the ch"):
        copy_weights(one, other, "a.pt")


def test_dropout_and_weights_of_losses_may_differ():
    source, target = make_system("dense"), make_system("dense", ctc_weight=0.5)
    copy_weights(source, target, "a.pt")


def test_the_embedding_network_begins_as_the_recogniser_it_was():
    source = make_system("dense", encoder=encoder(d_model=8, num_blocks=1), **CTC_ONLY).eval()
    target = make_system("speechmoe").eval()
    start_embedding(source, target, "a.pt")
    assert torch.equal(target.encode(*BATCH[:2]).embedding, source.encode(*BATCH[:2]).enc)
    assert torch.equal(target(*BATCH).stats["loss_embedding"], source(*BATCH).stats["loss_ctc"])


def test_an_embedding_network_needs_its_place_and_its_shape():
    small = make_system("dense", encoder=encoder(d_model=8, num_blocks=1), **CTC_ONLY)
    with pytest.raises(InputError, match="needs an `embedding` section"):
        start_embedding(small, make_system("u2pp_moe"), "a.pt")
    with pytest.raises(InputError, match=r"a\.pt does not fit the embedding network: .*d_model"):
        start_embedding(make_system("dense"), make_system("speechmoe"), "a.pt")
    centred = encoder(d_model=8, num_blocks=1, causal_conv=False, dynamic_chunk=False)
    with pytest.raises(InputError, match="`causal_conv` is True in the config but False in the ch"):
        start_embedding(
            make_system("dense", encoder=centred, **CTC_ONLY), make_system("speechmoe"), "a.pt"
        )
