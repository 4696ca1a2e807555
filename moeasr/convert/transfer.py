"""Transfer of weights between models that differ only in their feed-forwards."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from moeasr.config_roles import role_of, values_by_key
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.models.encoders.encoder import EncoderConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.feed_forward import DenseFeedForward, FeedForwardConfig

SEEN_IN_TENSORS = (
    *("num_groups", "group_layout", "num_dense_blocks", "dense_hidden_units"),
    "subsampling_channels",
)
"""Encoder keys whose values may differ between two models, because the shapes and the sharing of
tensors are compared directly."""
NOT_FUNCTIONS = {"type", "hidden_units", "num_experts", "shared_expert_units", "activation"}
"""Feed-forward keys that may differ, or are compared elsewhere with a message of their own."""


def feed_forwards(model: AsrModel) -> dict[str, DenseFeedForward | MoEFeedForward]:
    """Return the feed-forwards of a model by name; a shared one appears under each of its names.

    The shared expert of an MoE layer is a part of the layer, not a feed-forward of its own.
    """
    return {
        name: module
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, (DenseFeedForward, MoEFeedForward))
        and not name.endswith(".shared_expert")
    }


def config_key(name: str) -> str:
    """Return the config section of a feed-forward.

        >>> config_key("reverse_decoder.blocks.0.feed_forward")
        'model.decoder.feed_forward'

    Args:
        name: Name of the module.
    """
    return "model." + re.sub(r"\.blocks\.\d+", "", name).replace("reverse_decoder", "decoder")


def hidden_units(module: DenseFeedForward | MoEFeedForward) -> int:
    """Return the hidden width M of a feed-forward, or of each of its experts."""
    if isinstance(module, MoEFeedForward):
        return module.experts.w1.size(1)
    return module.w1.out_features


def check_same_network(source: AsrModel, target: AsrModel) -> None:
    """Raise `InputError` unless two models differ only in feed-forwards, heads and languages.

    Config keys are compared as well as tensors, because some keys change the function of the
    network but no shape: experts that both models have would be exchanged if the names of their
    languages had another order. The message names the config keys and a tensor that differ.
    """
    theirs, ours = (_structure(model.config) for model in (source, target))
    differing = [key for key in ours if theirs.get(key) != ours[key]]
    old, new = (_functions(model.config) for model in (source, target))
    differing += [key for key in new if key in old and old[key] != new[key]]
    theirs, ours = {**theirs, **old}, {**ours, **new}
    if not differing:
        return
    reasons = [
        f"`{key}` is {ours[key]} but {theirs.get(key)} in the checkpoint" for key in differing
    ]
    source_state = source.state_dict()
    for name, tensor in target.state_dict().items():
        # Tensors of a feed-forward may differ, because feed-forwards are converted.
        if name in source_state and source_state[name].shape != tensor.shape:
            reasons.append(_shapes(name, tensor, source_state[name]))
            break
    raise InputError("only feed-forwards may differ from the checkpoint: " + "; ".join(reasons))


def load_transferred(target: AsrModel, state: Mapping[str, Tensor]) -> None:
    """Load a complete state into `target`.

    Args:
        target: A model.
        state: A tensor for each name of its `state_dict()`.

    Raises:
        InputError: A tensor is missing, unexpected or of another shape, or a tensor shared by
            several blocks has different values under its names. `target` is then unchanged.
    """
    wanted = target.state_dict()
    for name in wanted:
        if name not in state:
            raise InputError(f"the checkpoint has no {name}, but the model of the config has")
        if state[name].shape != wanted[name].shape:
            raise InputError(
                f"the checkpoint does not match the config: "
                f"{_shapes(name, wanted[name], state[name])}"
            )
    left_over = [name for name in state if name not in wanted]
    if left_over:
        raise InputError(f"the checkpoint has {left_over[0]}, but the model of the config does not")
    check_shared(target, state)
    target.load_state_dict(state)


def check_shared(target: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Raise `InputError` if a tensor shared by several blocks has different values in `state`.

    Tensors that `state` lacks are not compared.
    """
    first_name: dict[int, str] = {}
    for name, tensor in target.state_dict(keep_vars=True).items():
        if name not in state:
            continue
        first = first_name.setdefault(id(tensor), name)
        if first != name and not state[first].equal(state[name]):
            raise InputError(
                f"{first} and {name} are the same tensor in the model of the config (by "
                "`model.encoder.num_groups` or `router: omni`), but two different tensors in the "
                "checkpoint"
            )


def _structure(config: ModelConfig) -> dict[str, Any]:
    """Return the values of a config that must be equal in both models, by dotted key."""
    keys = {**_keys("model.encoder", config.encoder), **_keys("model.decoder", config.decoder)}
    if isinstance(config.encoder, BlockEncoderConfig):
        channels = config.encoder.subsampling_channels or config.encoder.d_model
        keys["model.encoder.subsampling_channels"] = channels
    return keys


def _functions(config: ModelConfig) -> dict[str, Any]:
    """Return the values of heads, experts and languages that must be equal if both have them."""
    parts: dict[str, Any] = {f"model.heads.{name}": head for name, head in config.heads.items()}
    for name, section in (("encoder", config.encoder), ("decoder", config.decoder)):
        for key, value in vars(section).items():
            if isinstance(value, FeedForwardConfig):
                parts[f"model.{name}.{key}"] = value
    keys = {
        f"{name}.{key}": value
        for name, part in parts.items()
        for key, value in values_by_key(part, "identity").items()
        if key not in NOT_FUNCTIONS
    }
    if config.languages:
        keys["model.languages"] = config.languages
    if config.intermediate_ctc.conditioned_blocks:
        key = "model.intermediate_ctc.conditioned_blocks"
        keys[key] = config.intermediate_ctc.conditioned_blocks
    return keys


def _keys(name: str, section: EncoderConfig | DecoderConfig) -> dict[str, Any]:
    """Return the values of a section that must be equal; of a feed-forward, only the activation."""
    keys = {}
    for key, value in vars(section).items():
        if isinstance(value, FeedForwardConfig):
            keys[f"{name}.{key}.activation"] = getattr(value, "activation", None)
        elif key not in SEEN_IN_TENSORS and role_of(section, key) == "identity":
            keys[f"{name}.{key}"] = value
    return keys


def _shapes(name: str, ours: Tensor, theirs: Tensor) -> str:
    return f"{name} is {tuple(ours.shape)} but {tuple(theirs.shape)} in the checkpoint"
