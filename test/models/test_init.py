"""Trained weights to begin with."""

import pytest
import torch
from systems import BATCH, CTC_ONLY, encoder, make_system

from moeasr.errors import InputError
from moeasr.models.init import copy_weights, start_embedding


def test_a_model_of_the_same_shape_is_copied():
    source, target = make_system("u2pp_moe").eval(), make_system("u2pp_moe").eval()
    assert not torch.equal(source(*BATCH).loss, target(*BATCH).loss)
    copy_weights(source, target, "a.pt")
    assert torch.equal(source(*BATCH).loss, target(*BATCH).loss)


def test_another_shape_is_refused_by_name():
    with pytest.raises(InputError, match=r"^a\.pt does not fit this model: .*feed_forward"):
        copy_weights(make_system("dense"), make_system("u2pp_moe"), "a.pt")


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
    with pytest.raises(InputError, match=r"a\.pt does not fit the embedding network: "):
        start_embedding(make_system("dense"), make_system("speechmoe"), "a.pt")
