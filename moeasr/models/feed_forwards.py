"""The family of feed-forwards: values of the key `type` in a `feed_forward:` section.

The value may also be the import path of another subclass of
`moeasr.nn.feed_forward.FeedForwardConfig`, as in
`feed_forward: {type: my_package.MyConfig, my_option: 3}`.
"""

from typing import Annotated

from moeasr.config import OneOfTypes
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig, FeedForwardConfig

FEED_FORWARDS: dict[str, type[FeedForwardConfig]] = {"dense": DenseConfig, "moe": MoeConfig}

AnyFeedForward = Annotated[FeedForwardConfig, OneOfTypes(FEED_FORWARDS, FeedForwardConfig, "dense")]
"""The type of a section that describes a feed-forward."""
