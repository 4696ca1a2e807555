"""A package of a user: router, feed-forward, blocks, encoder, head and search of one's own.

It knows the seams of moeasr, and moeasr does not know it: configs and command lines name its parts
by import path, such as `own_parts.Router`.
"""

from own_parts.block import GatedConfig, MixerConfig
from own_parts.counting import CountConfig, by_count
from own_parts.encoder import StackConfig
from own_parts.router import SigmoidRouter

__all__ = ["CountConfig", "GatedConfig", "MixerConfig", "SigmoidRouter", "StackConfig", "by_count"]
