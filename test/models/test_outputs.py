"""The records that networks return."""

import torch

from moeasr.models.outputs import EncoderOutput


def test_there_is_no_embedding_unless_the_model_has_such_a_network():
    output = EncoderOutput(torch.zeros(1, 2, 3), torch.tensor([2]), {})
    assert output.embedding is None and output.routings == {}
