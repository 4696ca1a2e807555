"""Training with the whole model in every process."""

import torch

from moeasr.train.replication import Replication


def test_only_micro_batches_that_count_have_a_gradient():
    model = torch.nn.Linear(2, 1, bias=False)
    replication = Replication(model)
    for factor, counts in ((1.0, True), (float("nan"), False), (2.0, True)):
        is_last = factor == 2.0
        loss = replication.run(lambda x: model(x).sum(), torch.full((1, 2), factor))
        replication.backward(loss, counts, is_last)
    assert model.weight.grad.tolist() == [[3.0, 3.0]]
    assert float(replication.sum_gradients(torch.tensor(4.0))) == 4.0


def test_each_process_has_the_whole_state():
    model = torch.nn.Linear(2, 1)
    replication = Replication(model)
    with replication.whole_model():
        state = replication.whole(replication.state())
    assert torch.equal(state["weight"], model.weight)
    assert replication.keeps_average
