"""Components of a model that WeNet does not support."""

from typing import Any

from moeasr.features.fbank_config import FbankConfig
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig, FeedForwardConfig


def model_faults(config: ModelConfig) -> list[str]:
    """Return a sentence with the config key for each component that WeNet does not support."""
    encoder, decoder, intermediate = config.encoder, config.decoder, config.intermediate_ctc
    if not isinstance(encoder, ConformerConfig):
        return [f"`model.encoder.type` is {encoder.type}, but WeNet supports only conformer"]
    edges = "before_gate" if encoder.causal_conv else "after_gate"
    wanted = [
        ("encoder.attention", encoder.attention, "key_position"),
        ("encoder.final_norm", encoder.final_norm, True),
        ("encoder.num_groups", encoder.num_groups, None),
        ("encoder.num_dense_blocks", encoder.num_dense_blocks, 0),
        ("encoder.conv_edges", encoder.conv_edges, edges),
        (
            "encoder.subsampling_channels",
            encoder.subsampling_channels or encoder.d_model,
            encoder.d_model,
        ),
        ("embedding", None if config.embedding is None else "there", None),
        ("languages", config.languages, ()),
        ("intermediate_ctc.conditioned_blocks", list(intermediate.conditioned_blocks), []),
        ("heads", "there" if config.heads else None, None),
    ]
    faults = [
        f"`model.{key}` is {_shown(value)}, but WeNet supports only {_shown(theirs)}"
        for key, value, theirs in wanted
        if value != theirs
    ]
    if decoder.num_blocks == 0:
        faults.append("`model.decoder.num_blocks` is 0, but WeNet requires a decoder")
    if encoder.feed_forward != encoder.macaron_feed_forward:
        faults.append(
            "`model.encoder.feed_forward` and `model.encoder.macaron_feed_forward` differ, but in "
            "WeNet they must have the same type and size"
        )
    faults += _feed_forward_faults("encoder.feed_forward", encoder.feed_forward)
    if getattr(encoder.feed_forward, "activation", "silu") != "silu":
        activation = encoder.feed_forward.activation
        faults.append(
            f"`model.encoder.feed_forward.activation` is {activation}, but WeNet supports only silu"
        )
    return faults + _feed_forward_faults("decoder.feed_forward", decoder.feed_forward)


def _feed_forward_faults(key: str, part: FeedForwardConfig) -> list[str]:
    if isinstance(part, DenseConfig):
        return []
    if not isinstance(part, MoeConfig):
        return [f"`model.{key}.type` is {part.type}, but WeNet supports only dense and moe"]
    if part.shared_expert_units > 0:
        units = part.shared_expert_units
        return [f"`model.{key}.shared_expert_units` is {units}, but WeNet supports only 0"]
    if part.merged_from is not None:
        return [
            f"the experts of `model.{key}` were merged, but in WeNet a router scores each expert"
        ]
    if part.router == "top_k" and part.expert_weights in ("selected", "one"):
        return []
    return [
        f"`model.{key}` has `router: {part.router}` and `expert_weights: {part.expert_weights}`, "
        "but WeNet supports only top_k with `selected` or `one`"
    ]


def fbank_faults(fbank: FbankConfig) -> list[str]:
    """Return a sentence for each feature setting that WeNet does not support."""
    half_rate_hz = fbank.sample_rate_hz / 2
    faults = []
    if not fbank.snip_edges:
        faults.append("`snip_edges` of the filter banks is false, but WeNet supports only true")
    if fbank.low_freq_hz != 20:
        faults.append(f"`low_freq_hz` is {fbank.low_freq_hz}, but WeNet supports only 20")
    if fbank.high_freq_hz not in (0, half_rate_hz):
        faults.append(
            f"`high_freq_hz` is {fbank.high_freq_hz}, but WeNet supports only half the sample rate "
            f"({half_rate_hz:g})"
        )
    return faults


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
