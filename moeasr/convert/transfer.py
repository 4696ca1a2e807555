"""Weights from one whole model to another that differs from it in its feed-forwards only."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from moeasr.config_roles import role_of
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.models.encoders.encoder import EncoderConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoEFeedForward
from moeasr.nn.feed_forward import DenseFeedForward, FeedForwardConfig

SEEN_IN_TENSORS = ("num_groups", "group_layout", "subsampling_channels")
"""Keys of an encoder that two models may have different values of: the tensors, and which of them
are shared, are compared themselves."""


def feed_forwards(model: AsrModel) -> dict[str, DenseFeedForward | MoEFeedForward]:
    """Every feed-forward of a model by its name; one that blocks share, by each of its names."""
    return {
        name: module
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, (DenseFeedForward, MoEFeedForward))
    }


def config_key(name: str) -> str:
    """The config section of a feed-forward.

        >>> config_key("reverse_decoder.blocks.0.feed_forward")
        'model.decoder.feed_forward'

    Args:
        name: Of the module.
    """
    return "model." + re.sub(r"\.blocks\.\d+", "", name).replace("reverse_decoder", "decoder")


def hidden_units(module: DenseFeedForward | MoEFeedForward) -> int:
    """M of a feed-forward, or of each of its experts."""
    if isinstance(module, MoEFeedForward):
        return module.experts.w1.size(1)
    return module.w1.out_features


def check_same_network(source: AsrModel, target: AsrModel) -> None:
    """Make sure that two models are one but for their feed-forwards.

    Some keys change no shape, yet what the network computes.

    Raises:
        InputError: Naming the keys of the config that differ, and a tensor that does not fit.
    """
    theirs, ours = (_structure(model.config) for model in (source, target))
    differing = [key for key in ours if theirs.get(key) != ours[key]]
    if not differing:
        return
    reasons = [
        f"`{key}` is {ours[key]} but {theirs.get(key)} in the checkpoint" for key in differing
    ]
    source_state = source.state_dict()
    for name, tensor in target.state_dict().items():
        # A feed-forward's own tensors may well differ: that is what is to be converted.
        if name in source_state and source_state[name].shape != tensor.shape:
            reasons.append(_shapes(name, tensor, source_state[name]))
            break
    raise InputError(
        "all but the feed-forwards must be as in the checkpoint: " + "; ".join(reasons)
    )


def load_transferred(target: AsrModel, state: Mapping[str, Tensor]) -> None:
    """Put a complete state into `target`.

    Args:
        target: A model.
        state: A tensor for each name of its `state_dict()`.

    Raises:
        InputError: A tensor is missing, left over or of another shape, or blocks are to share a
            tensor that differs between them. `target` is then as it was.
    """
    wanted = target.state_dict()
    for name in wanted:
        if name not in state:
            raise InputError(f"the checkpoint has no {name}, which the config's model has")
        if state[name].shape != wanted[name].shape:
            raise InputError(f"the models do not fit: {_shapes(name, wanted[name], state[name])}")
    left_over = [name for name in state if name not in wanted]
    if left_over:
        raise InputError(f"the checkpoint has {left_over[0]}, which the config's model has not")
    _check_shared(target, state)
    target.load_state_dict(state)


def _check_shared(target: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Names of one tensor must all be given one value."""
    first_name: dict[int, str] = {}
    for name, tensor in target.state_dict(keep_vars=True).items():
        first = first_name.setdefault(id(tensor), name)
        if first != name and not state[first].equal(state[name]):
            raise InputError(
                f"{first} and {name} are one tensor in the config's model (see "
                "`model.encoder.num_groups`), but two different ones in the checkpoint"
            )


def _structure(config: ModelConfig) -> dict[str, Any]:
    """What must agree, by dotted key."""
    keys = {**_keys("model.encoder", config.encoder), **_keys("model.decoder", config.decoder)}
    if isinstance(config.encoder, BlockEncoderConfig):
        channels = config.encoder.subsampling_channels or config.encoder.d_model
        keys["model.encoder.subsampling_channels"] = channels
    return keys


def _keys(name: str, section: EncoderConfig | DecoderConfig) -> dict[str, Any]:
    """The keys of a section that must agree; of a feed-forward it is the activation."""
    keys = {}
    for key, value in vars(section).items():
        if isinstance(value, FeedForwardConfig):
            keys[f"{name}.{key}.activation"] = getattr(value, "activation", None)
        elif key not in SEEN_IN_TENSORS and role_of(section, key) == "identity":
            keys[f"{name}.{key}"] = value
    return keys


def _shapes(name: str, ours: Tensor, theirs: Tensor) -> str:
    return f"{name} is {tuple(ours.shape)} but {tuple(theirs.shape)} in the checkpoint"
