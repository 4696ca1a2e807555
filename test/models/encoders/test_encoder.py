"""The common behaviour of the configs of all encoders."""

import pytest

from moeasr.errors import InputError
from moeasr.models.encoders.encoder import EncoderConfig


def test_an_encoder_sees_no_future_and_has_no_feed_forwards_by_default():
    config = EncoderConfig(type="my.Config")
    assert config.feed_forwards == {} and not config.sees_future
    assert (config.d_model, config.dynamic_chunk, config.max_chunk_size) == (256, True, 25)
    with pytest.raises(NotImplementedError):
        config.build(80, 0)


@pytest.mark.parametrize("key", ["d_model", "max_chunk_size"])
def test_sizes_are_at_least_1(key):
    with pytest.raises(InputError, match=f"`{key}` must be at least 1, but is 0"):
        EncoderConfig(type="my.Config", **{key: 0})
