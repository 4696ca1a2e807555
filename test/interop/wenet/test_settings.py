"""The network that a train.yaml describes."""

import pytest
import yaml

from moeasr.errors import InputError
from moeasr.interop.wenet.settings import read_settings
from moeasr.nn.feed_forward import DenseConfig


def read(tmp_path, **sections):
    (tmp_path / "train.yaml").write_text(yaml.safe_dump({"output_dim": 12, **sections}))
    return read_settings(tmp_path / "train.yaml")


def test_keys_have_their_counterparts(tmp_path):
    encoder = {"output_size": 64, "num_blocks": 3, "causal": True, "use_dynamic_chunk": True}
    encoder |= {"cnn_module_norm": "layer_norm", "mlp_type": "moe", "n_expert": 4}
    decoder = {"num_blocks": 2, "r_num_blocks": 1, "linear_units": 32, "tie_word_embedding": True}
    settings = read(
        tmp_path,
        encoder_conf={**encoder, "n_expert_activated": 1},
        decoder_conf=decoder,
        model_conf={"ctc_weight": 0.25, "lsm_weight": 0.1, "reverse_weight": 0.5},
    )
    model = settings.model
    assert (model.encoder.d_model, model.encoder.num_blocks) == (64, 3)
    assert model.encoder.causal_conv and model.encoder.conv_edges == "before_gate"
    assert model.encoder.conv_norm == "layer_norm" and settings.batch_norm_eps is None
    experts = model.encoder.feed_forward
    assert (experts.num_experts, experts.experts_per_frame) == (4, 1)
    assert experts.expert_weights == "one"
    assert model.decoder.feed_forward == DenseConfig(hidden_units=32, activation="relu")
    assert (model.decoder.num_blocks, model.decoder.num_reverse_blocks) == (2, 1)
    assert (model.ctc_weight, model.label_smoothing, model.reverse_weight) == (0.25, 0.1, 0.5)
    assert settings.is_bidirectional and settings.ties_embedding


def test_layers_without_bias_are_named(tmp_path):
    settings = read(tmp_path, encoder_conf={"key_bias": False, "conv_bias": False})
    assert settings.without_bias == (
        r"encoder\.encoders\..*self_attn\.linear_k",
        r"encoder\.encoders\..*conv_module\.pointwise_conv1",
        r"encoder\.encoders\..*conv_module\.depthwise_conv",
        r"encoder\.encoders\..*conv_module\.pointwise_conv2",
    )


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"encoder": "branchformer"}, "'encoder' is 'branchformer', but moeasr supports only"),
        (
            {"encoder_conf": {"n_kv_head": 2}},
            "'encoder_conf.n_kv_head' is 2, but moeasr supports only",
        ),
        ({"encoder_conf": {"depth": 2}}, "key 'encoder_conf.depth' is unknown"),
        (
            {"model_conf": {"ctc_weight": 7.0}},
            "cannot be converted to a moeasr model: `ctc_weight` must be",
        ),
        ({"lora": True}, "key 'lora' is unknown"),
    ],
)
def test_what_has_no_counterpart_is_named(tmp_path, sections, message):
    with pytest.raises(InputError, match=f"train.yaml: {message}"):
        read(tmp_path, **sections)
