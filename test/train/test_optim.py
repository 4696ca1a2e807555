"""Parameter groups."""

from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer


def test_only_weight_matrices_outside_routers_are_decayed():
    ff = FeedForwardConfig(type="moe", hidden_units=8, num_experts=4)
    config = ModelConfig(
        encoder=EncoderConfig(num_blocks=1, d_model=8, num_heads=2, feed_forward=ff),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
    )
    model = build_model(config, 20, 9)
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, plain = build_optimizer(model, OptimConfig(weight_decay=0.1)).param_groups
    decayed_names = {names[id(p)] for p in decayed["params"]}
    plain_names = {names[id(p)] for p in plain["params"]}
    assert decayed["weight_decay"] == 0.1 and plain["weight_decay"] == 0.0
    assert decayed_names | plain_names == set(names.values())
    assert "encoder.blocks.0.feed_forward.experts.w1" in decayed_names
    assert "encoder.blocks.0.attention.query.weight" in decayed_names
    for name in (
        "encoder.blocks.0.feed_forward.router.weight",
        "encoder.blocks.0.feed_forward.experts.b1",
        "encoder.blocks.0.final_norm.weight",
        "ctc.project.bias",
    ):
        assert name in plain_names
