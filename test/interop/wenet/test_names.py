"""The correspondence between WeNet's tensors and ours."""

import pytest
import torch
from rounding import assert_close

from moeasr.interop.wenet.names import POINTWISE, SAME, STACKED, pairs, scaled
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig

MOE = MoeConfig(hidden_units=8, num_experts=3)


@pytest.mark.parametrize("form", [SAME, POINTWISE, STACKED, scaled(4.0)])
def test_a_form_is_undone_by_its_other_direction(form):
    ours = torch.randn(3, 2)
    assert torch.equal(form.to_ours(form.to_theirs(ours)), ours)


def test_forms_by_hand():
    assert POINTWISE.to_theirs(torch.ones(3, 2))[0].shape == (3, 2, 1)
    assert [t.tolist() for t in STACKED.to_theirs(torch.tensor([[1], [2]]))] == [[1], [2]]
    assert scaled(4.0).to_ours([torch.tensor([0.5])]).tolist() == [2.0]


@pytest.mark.parametrize("feed_forward", [DenseConfig(hidden_units=8), MOE], ids=["dense", "moe"])
@pytest.mark.parametrize("num_reverse_blocks", [0, 1])
def test_every_weight_of_a_model_has_its_pair(feed_forward, num_reverse_blocks):
    config = ModelConfig(
        encoder=ConformerConfig(
            num_blocks=2,
            d_model=8,
            num_heads=2,
            attention="key_position",
            final_norm=True,
            feed_forward=feed_forward,
            macaron_feed_forward=feed_forward,
        ),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=num_reverse_blocks, num_heads=2),
        reverse_weight=0.3 * num_reverse_blocks,
    )
    state = build_model(config, 20, 9).state_dict()
    found = pairs(config, is_bidirectional=num_reverse_blocks > 0)
    assert {pair.ours for pair in found} == state.keys() - {"cmvn.mean", "cmvn.istd"}
    theirs = [name for pair in found for name in pair.theirs]
    assert len(set(theirs)) == len(theirs)
    assert "ctc.ctc_lo.weight" in theirs and "encoder.encoders.1.norm_final.bias" in theirs
    left = "decoder.left_decoder" if num_reverse_blocks else "decoder"
    assert f"{left}.decoders.0.src_attn.linear_q.weight" in theirs
    for pair in found:
        parts = pair.form.to_theirs(state[pair.ours])
        assert len(parts) == len(pair.theirs)
        ours = state[pair.ours]
        assert_close(pair.form.to_ours(parts), ours, 2, ours.abs(), name=pair.ours)
