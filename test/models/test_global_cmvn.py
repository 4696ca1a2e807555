"""Normalisation of features inside the network."""

import torch

from moeasr.models.global_cmvn import GlobalCmvn


def test_each_bin_is_shifted_by_its_mean_and_divided_by_its_deviation():
    mean, istd = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0])
    cmvn = GlobalCmvn(mean, istd)
    assert torch.equal(cmvn(torch.tensor([[[3.0, -1.5]]])), torch.tensor([[[1.0, 2.0]]]))
    mean += 1  # the layer has its own copy
    assert torch.equal(cmvn.mean, torch.tensor([1.0, -2.0]))
    assert set(cmvn.state_dict()) == {"mean", "istd"}
