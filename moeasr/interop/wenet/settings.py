"""Conversion of WeNet's train.yaml into the `model:` section and the feature settings.

Each key of train.yaml is handled in one of four ways: it is converted, it must have the only
supported value, it affects only training and is ignored, or it is unknown and the file is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moeasr.config import load_yaml
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.data_settings import (
    CmvnSettings,
    UnitSettings,
    read_cmvn,
    read_fbank,
    read_unit_settings,
)
from moeasr.interop.wenet.section import Section
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig, FeedForwardConfig

NORM_EPS = 1e-5  # epsilon of every norm in moeasr
ACTIVATIONS = {"swish": "silu", "relu": "relu"}
MLP_TYPES = {"position_wise_feed_forward": False, "moe": True}
TRAINING_KEYS = (
    *("accum_grad", "batch_conf", "dataset", "ds_config", "dtype", "grad_clip"),
    *("init_infos", "lfmmi_dir", "log_interval", "max_epoch", "model_dir", "optim", "optim_conf"),
    *("output_dir", "save_interval", "save_states", "scheduler", "scheduler_conf"),
    *("speech_conf", "tag", "train_engine", "use_amp"),
)


@dataclass(frozen=True)
class WenetSettings:
    """The settings in a train.yaml that determine what the network computes."""

    model: ModelConfig
    """Config of the model."""
    fbank: FbankConfig
    """Feature settings."""
    units: UnitSettings
    """Settings of units."""
    cmvn: CmvnSettings | None
    """Settings of CMVN; None for a model without CMVN."""
    without_bias: tuple[str, ...]
    """Regular expressions of the names of linear layers without bias."""
    batch_norm_eps: float | None
    """Epsilon of the batch norms in convolutions; None if they are layer norms."""
    is_bidirectional: bool
    """True if the names of the decoder's weights are those of a `bitransformer`."""
    ties_embedding: bool
    """True if the decoders' output layers share the weights of the token embeddings."""


def read_settings(path: Path) -> WenetSettings:
    """Read a train.yaml.

    Raises:
        InputError: A key is unknown, or its value is not supported. The message names the key.
    """
    top = Section(str(path), "", load_yaml(path))
    top.require("model", "asr_model", "asr_model")
    top.require("encoder", "conformer", "conformer")
    top.require("ctc", "ctc", "ctc")
    is_bidirectional = top.choice(
        "decoder", "bitransformer", {"bitransformer": True, "transformer": False}
    )
    encoder, encoder_without_bias, batch_norm_eps = _encoder(top.section("encoder_conf"))
    decoder, decoder_without_bias, ties_embedding = _decoder(
        top.section("decoder_conf"), is_bidirectional
    )
    model_conf = top.section("model_conf")
    model = {
        "ctc_weight": model_conf.number("ctc_weight", 0.5),
        "reverse_weight": model_conf.number("reverse_weight", 0.0),
        "label_smoothing": model_conf.number("lsm_weight", 0.0),
    }
    model_conf.require("apply_non_blank_embedding", False, False)
    model_conf.ignore("ignore_id", "length_normalized_loss")
    model_conf.finish()
    cmvn = read_cmvn(top)
    dataset = top.section("dataset_conf")
    units = read_unit_settings(top, dataset)
    fbank = read_fbank(top, dataset)
    top.ignore(*TRAINING_KEYS)
    top.finish()
    try:
        config = ModelConfig(
            encoder=ConformerConfig(**encoder), decoder=DecoderConfig(**decoder), **model
        )
    except InputError as error:
        raise InputError(f"{path}: cannot be converted to a moeasr model: {error}") from None
    return WenetSettings(
        model=config,
        fbank=fbank,
        units=units,
        cmvn=cmvn,
        without_bias=(*encoder_without_bias, *decoder_without_bias),
        batch_norm_eps=batch_norm_eps,
        is_bidirectional=is_bidirectional,
        ties_embedding=ties_embedding,
    )


def _encoder(conf: Section) -> tuple[dict[str, Any], list[str], float | None]:
    """Return the keys of our encoder, its layers without bias, and the epsilon of batch norms."""
    conf.require("input_layer", "conv2d", "conv2d")
    conf.require("pos_enc_layer_type", "rel_pos", "rel_pos")
    conf.require("selfattention_layer_type", "rel_selfattn", "rel_selfattn")
    conf.require("normalize_before", True, True)
    conf.require("macaron_style", True, True)
    conf.require("use_cnn_module", True, True)
    conf.require("conv_inner_factor", 2, 2)
    _common(conf)
    dynamic_chunk = conf.flag("use_dynamic_chunk", False)
    if not dynamic_chunk:  # otherwise WeNet ignores the key
        conf.require("static_chunk_size", 0, 0)
    conf.ignore(
        *("static_chunk_size", "positionwise_conv_kernel_size", "positional_dropout_rate"),
        *("use_dynamic_left_chunk", "gradient_checkpointing", "use_sdpa"),
    )
    # in WeNet, the convolution module has the same activation; in moeasr, it is always silu
    feed_forward = _feed_forward(conf, "swish", {"swish": "silu"})
    causal = conf.flag("causal", False)
    has_batch_norm = conf.choice(
        "cnn_module_norm", "batch_norm", {"batch_norm": True, "layer_norm": False}
    )
    if has_batch_norm:
        batch_norm_eps = conf.number("conv_norm_eps", NORM_EPS)
    else:
        batch_norm_eps = None
        conf.require_number("conv_norm_eps", NORM_EPS, NORM_EPS)
    settings = {
        "num_blocks": conf.number("num_blocks", 6, 1),
        "d_model": conf.number("output_size", 256, 1),
        "num_heads": conf.number("attention_heads", 4, 1),
        "attention": "key_position",
        "conv_kernel_size": conf.number("cnn_module_kernel", 15, 1),
        "conv_norm": "none" if has_batch_norm else "layer_norm",
        "conv_edges": "before_gate" if causal else "after_gate",
        "causal_conv": causal,
        "final_norm": conf.flag("final_norm", True),
        "dynamic_chunk": dynamic_chunk,
        "dropout": conf.number("dropout_rate", 0.1),
        "attention_dropout": conf.number("attention_dropout_rate", 0.0),
        "feed_forward": feed_forward,
        "macaron_feed_forward": feed_forward,
    }
    without_bias = _without_bias(conf, "", "self_attn") + _without_mlp_bias(conf)
    if not conf.flag("conv_bias", True):
        names = ("pointwise_conv1", "depthwise_conv", "pointwise_conv2")
        without_bias += [rf"conv_module\.{name}" for name in names]
    conf.finish()
    return settings, [rf"encoder\.encoders\..*{name}" for name in without_bias], batch_norm_eps


def _decoder(conf: Section, is_bidirectional: bool) -> tuple[dict[str, Any], list[str], bool]:
    """Return the keys of our decoder, its layers without bias, and whether embeddings are tied."""
    conf.require("input_layer", "embed", "embed")
    conf.require("use_output_layer", True, True)
    conf.require("normalize_before", True, True)
    conf.require("src_attention", True, True)
    _common(conf)
    conf.ignore(
        *("positional_dropout_rate", "src_attention_dropout_rate", "gradient_checkpointing"),
        "use_sdpa",
    )
    settings = {
        "num_blocks": conf.number("num_blocks", 6, 1),
        "num_reverse_blocks": conf.number("r_num_blocks", 0) if is_bidirectional else 0,
        "num_heads": conf.number("attention_heads", 4, 1),
        "dropout": conf.number("dropout_rate", 0.1),
        "attention_dropout": conf.number("self_attention_dropout_rate", 0.0),
        "feed_forward": _feed_forward(conf, "relu", ACTIVATIONS),
    }
    without_bias = _without_bias(conf, "", "self_attn") + _without_mlp_bias(conf)
    if not is_bidirectional:  # the two decoders always have these biases
        without_bias += _without_bias(conf, "src_", "src_attn")
    ties_embedding = conf.flag("tie_word_embedding", False)
    conf.finish()
    return settings, [rf"decoder\..*{name}" for name in without_bias], ties_embedding


def _common(conf: Section) -> None:
    """Check the keys of encoder and decoder for which only one value is supported."""
    conf.require("layer_norm_type", "layer_norm", "layer_norm")
    conf.require_number("norm_eps", NORM_EPS, NORM_EPS)
    conf.require("concat_after", False, False)
    conf.require("n_kv_head", None, None)
    conf.require("head_dim", None, None)


def _feed_forward(conf: Section, default: str, activations: dict[str, str]) -> FeedForwardConfig:
    source = conf.name("n_expert_activated")
    size = {
        "activation": conf.choice("activation_type", default, activations),
        "hidden_units": conf.number("linear_units", 2048, 1),
    }
    has_experts = conf.choice("mlp_type", "position_wise_feed_forward", MLP_TYPES)
    num_experts = conf.number("n_expert", 8, 1)
    experts_per_frame = conf.number("n_expert_activated", 2, 1)
    try:
        if not has_experts:  # the numbers of experts are unused and need no check
            return DenseConfig(**size)
        return MoeConfig(
            num_experts=num_experts,
            experts_per_frame=experts_per_frame,
            expert_weights="one" if experts_per_frame == 1 < num_experts else "selected",
            **size,
        )
    except InputError as error:
        raise InputError(f"{conf.source}: '{source}': {error}") from None


def _without_bias(conf: Section, prefix: str, module: str) -> list[str]:
    """Return the attention layers that have no bias; `query_bias` covers the output layer, too."""
    layers = {"query": ("linear_q", "linear_out"), "key": ("linear_k",), "value": ("linear_v",)}
    return [
        rf"{module}\.{layer}"
        for what, names in layers.items()
        if not conf.flag(f"{prefix}{what}_bias", True)
        for layer in names
    ]


def _without_mlp_bias(conf: Section) -> list[str]:
    return [] if conf.flag("mlp_bias", True) else [r"feed_forward.*\.w_[12]"]
