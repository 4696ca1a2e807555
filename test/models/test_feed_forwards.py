"""The family of feed-forwards."""

from typing import get_args, get_type_hints

import pytest
import torch

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.feed_forwards import FEED_FORWARDS
from moeasr.nn.feed_forward import FeedForwardConfig, Stack
from moeasr.nn.valid_frames import all_frames_valid, find_valid_frames


@pytest.mark.parametrize("name", FEED_FORWARDS)
def test_each_type_builds_a_feed_forward_and_declares_its_routing(name):
    (own,) = get_args(get_type_hints(FEED_FORWARDS[name])["type"])
    config = FEED_FORWARDS[name](hidden_units=12)
    assert isinstance(config, FeedForwardConfig) and own == name
    layer = config.build(Stack(8, dropout=0.0)).eval()
    x, valid = torch.randn(2, 5, 8), find_valid_frames(torch.tensor([5, 3]), 5)
    y, routing = layer(x, valid)
    assert y.shape == x.shape and torch.isfinite(y).all()
    assert (routing is not None) == config.learns_routing
    alone, _ = layer(x[1:, :3], all_frames_valid(1, 3))
    torch.testing.assert_close(alone, y[1:, :3])


def test_a_section_is_read_by_its_type_and_is_dense_without():
    def read(**section):
        mapping = {"encoder": {"feed_forward": section}}
        return from_mapping(ModelConfig, mapping, "f").encoder.feed_forward

    assert isinstance(read(type="moe", num_experts=4), FEED_FORWARDS["moe"])
    assert isinstance(read(hidden_units=8), FEED_FORWARDS["dense"])
    with pytest.raises(
        InputError, match="f: 'encoder.feed_forward.type' must be one of dense, moe"
    ):
        read(type="mixture")
