"""The common behaviour of all heads and their configs."""

import pytest
import torch

from moeasr.errors import InputError
from moeasr.models.heads.head import Head, HeadConfig


def test_a_new_head_must_define_its_loss():
    assert not Head.children_are_named_alone
    with pytest.raises(NotImplementedError):
        Head().loss(torch.zeros(1, 1, 1), torch.ones(1), torch.zeros(1, 0), torch.zeros(1))
    with pytest.raises(NotImplementedError):
        HeadConfig(type="my.Config", weight=1.0).build(8, 9)
    assert HeadConfig(type="my.Config", weight=0.0).feed_forwards == {}


@pytest.mark.parametrize("weight", [-0.1, float("inf"), float("nan")])
def test_a_weight_is_not_negative_and_finite(weight):
    with pytest.raises(InputError, match=f"`weight` must be 0 or more, but is {weight}"):
        HeadConfig(type="my.Config", weight=weight)
