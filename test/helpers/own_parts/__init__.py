"""A package of a user: a router, its loss, a feed-forward, blocks, an encoder, a head, a search.

It uses the interfaces of moeasr, whose code does not mention it. Configs and command lines name its
parts by import path, such as `own_parts.Router`.
"""

from own_parts.block import GatedConfig, MixerConfig
from own_parts.counting import CountConfig, by_count
from own_parts.encoder import StackConfig
from own_parts.entropy import negative_entropy
from own_parts.router import SigmoidRouter

__all__ = [
    "CountConfig",
    "GatedConfig",
    "MixerConfig",
    "SigmoidRouter",
    "StackConfig",
    "by_count",
    "negative_entropy",
]
