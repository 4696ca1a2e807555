"""A linear layer whose precision matters more than its speed."""

from torch import nn


class UnquantizedLinear(nn.Linear):
    """A linear layer that `moeasr.models.inference` leaves in 32 bits when others get fewer.

    It is for layers whose rounding errors reach the scores directly or every block after them, such
    as output layers and the last layer of a front end. In training it is a plain linear layer.
    """
