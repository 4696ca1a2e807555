"""The choice of how a training is divided among processes."""

import pytest
import torch
from systems import make_system

from moeasr.errors import InputError
from moeasr.train.config import TrainConfig
from moeasr.train.parallel import parallelise
from moeasr.train.replication import Replication

CPU = torch.device("cpu")


def test_one_process_cannot_shard():
    with pytest.raises(InputError, match="`train.parallel: shard` divides .* the only one; start"):
        parallelise(make_system("dense"), TrainConfig(parallel="shard"), CPU)


def test_models_are_replicated_by_default():
    assert type(parallelise(make_system("dense"), TrainConfig(), CPU)) is Replication


@pytest.mark.parametrize(("recompute", "num_passes"), [("none", 1), ("blocks", 2)])
def test_blocks_run_again_in_the_backward_pass_if_wanted(recompute, num_passes):
    model = torch.nn.Sequential(torch.nn.ModuleList([Counting()]))
    parallelise(model, TrainConfig(recompute=recompute), CPU)
    (block,) = model[0]
    block(torch.ones(2)).sum().backward()
    assert block.num_passes == num_passes


class Counting(torch.nn.Linear):
    """A block that counts its passes."""

    def __init__(self):
        super().__init__(2, 2)
        self.num_passes = 0

    def forward(self, x):
        self.num_passes += 1
        return super().forward(x)
