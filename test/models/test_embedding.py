"""SpeechMoE's embedding network."""

import pytest
import torch
from systems import BATCH, NUM_MEL_BINS, encoder, moe

from moeasr.errors import InputError
from moeasr.models.embedding import EmbeddingConfig

SMALL = encoder(d_model=8, num_blocks=1)


def test_its_states_are_those_of_its_encoder():
    network = EmbeddingConfig(encoder=SMALL).build(NUM_MEL_BINS, vocab_size=9).double().eval()
    feats, lens = BATCH[:2]
    states = network(feats, lens, 4, -1)
    assert states.shape == (2, network.encoder.output_len(70), 8)
    assert torch.equal(states, network.encoder(feats, lens, 4, -1).enc)
    assert network.ctc.project.weight.shape == (9, 8)


@pytest.mark.parametrize(("loss_weight", "learns"), [(0.01, True), (0.0, False)])
def test_a_weight_of_0_freezes_it(loss_weight, learns):
    network = EmbeddingConfig(encoder=SMALL, loss_weight=loss_weight).build(NUM_MEL_BINS, 9)
    assert {parameter.requires_grad for parameter in network.parameters()} == {learns}


def test_experts_and_odd_weights_are_refused():
    with pytest.raises(InputError, match="feed-forwards must be `type: dense`"):
        EmbeddingConfig(encoder=encoder(moe(), d_model=8))
    with pytest.raises(InputError, match="`loss_weight` must be 0 or more, but is -1"):
        EmbeddingConfig(encoder=SMALL, loss_weight=-1)
