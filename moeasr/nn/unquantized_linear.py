"""A linear layer that keeps full precision when a model is quantised."""

from torch import nn


class UnquantizedLinear(nn.Linear):
    """A linear layer that `moeasr.models.inference` keeps in float32 when it quantises others.

    It is used for layers whose rounding errors directly reach the scores or all blocks after them,
    such as output layers and the last layer of a front end. In training, it is a plain linear
    layer.
    """
