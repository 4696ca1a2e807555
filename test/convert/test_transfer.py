"""Weights from one whole model to another."""

import pytest
import torch
from systems import DENSE, encoder, make_system, moe

from moeasr.convert.transfer import (
    check_same_network,
    config_key,
    feed_forwards,
    hidden_units,
    load_transferred,
)
from moeasr.errors import InputError
from moeasr.models.intermediate_ctc import IntermediateCtcConfig


def model(**settings):
    return make_system("dense", **({"encoder": encoder(**settings)} if settings else {}))


def test_feed_forwards_are_listed_by_every_name_with_their_config_key():
    names = list(feed_forwards(make_system("shared_consecutive")))
    assert names[:2] == [
        "encoder.blocks.0.macaron_feed_forward",
        "encoder.blocks.0.feed_forward",
    ]
    assert len([name for name in names if name.startswith("encoder.")]) == 8
    keys = {config_key(name) for name in names}
    assert keys == {
        "model.encoder.macaron_feed_forward",
        "model.encoder.feed_forward",
        "model.decoder.feed_forward",
    }
    widths = {hidden_units(module) for module in feed_forwards(make_system("u2pp_moe")).values()}
    assert widths == {16}


def test_networks_may_differ_in_feed_forwards_and_training_settings():
    check_same_network(model(), model(feed_forward=moe(), dropout=0.5, dynamic_chunk=False))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_heads": 4}, "`model.encoder.num_heads` is 4 but 2 in the checkpoint"),
        ({"d_model": 8}, "`model.encoder.d_model` is 8 but 16 in the checkpoint"),
        ({"feed_forward": moe(activation="relu")}, "activation` is relu but silu"),
        ({"subsampling_channels": 3}, "`model.encoder.subsampling_channels` is 3 but 16"),
    ],
)
def test_another_network_is_refused_with_its_keys(settings, message):
    with pytest.raises(
        InputError, match=f"only feed-forwards may differ from the checkpoint: .*{message}"
    ):
        check_same_network(model(), model(**settings))


def test_parts_that_both_models_have_must_compute_the_same():
    """Otherwise the experts of two languages would be exchanged, or weighted in another way."""
    told = {"feed_forward": moe(router="language"), "macaron_feed_forward": DENSE}
    one = make_system("dense", encoder=encoder(**told), languages=("en", "de"))
    more = {**told, "macaron_feed_forward": moe()}
    check_same_network(one, make_system("dense", encoder=encoder(**more), languages=("en", "de")))
    with pytest.raises(InputError, match=r"`model.languages` is \('de', 'en'\) but \('en', 'de'\)"):
        other = make_system("dense", encoder=encoder(**more), languages=("de", "en"))
        check_same_network(one, other)
    with pytest.raises(InputError, match="feed_forward.expert_weights` is full but selected in"):
        check_same_network(
            model(feed_forward=moe()), model(feed_forward=moe(expert_weights="full"))
        )
    blocks = IntermediateCtcConfig(blocks=(1, 2), conditioned_blocks=(1,))
    conditioned = make_system("dense", encoder=encoder(num_blocks=3), intermediate_ctc=blocks)
    blocks = IntermediateCtcConfig(blocks=(1, 2), conditioned_blocks=(2,))
    with pytest.raises(InputError, match=r"conditioned_blocks` is \(2,\) but \(1,\)"):
        later = make_system("dense", encoder=encoder(num_blocks=3), intermediate_ctc=blocks)
        check_same_network(conditioned, later)


def test_a_complete_state_is_loaded_and_any_other_refused():
    source, target = model(), model()
    state = source.state_dict()
    load_transferred(target, state)
    assert all(torch.equal(state[name], tensor) for name, tensor in target.state_dict().items())
    name = "encoder.blocks.0.feed_forward.w1.bias"
    for change, message in [
        ({name: None}, f"the checkpoint has no {name}"),
        ({name: torch.zeros(3)}, rf"{name} is \(24,\) but \(3,\) in the checkpoint"),
        ({"more": torch.zeros(3)}, "the checkpoint has more, but the model of the config does not"),
    ]:
        wrong = {key: value for key, value in (state | change).items() if value is not None}
        with pytest.raises(InputError, match=message):
            load_transferred(target, wrong)


def test_blocks_that_share_a_tensor_need_one_value():
    shared = make_system("shared_consecutive", encoder=encoder(DENSE, num_blocks=2, num_groups=1))
    with pytest.raises(InputError, match="are the same tensor in the model of the config"):
        load_transferred(shared, model().state_dict())
