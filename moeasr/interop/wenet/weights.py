"""Conversion of WeNet's state_dict to that of our model, and back."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.interop.wenet.names import SAME, Pair, pairs
from moeasr.interop.wenet.settings import NORM_EPS, WenetSettings
from moeasr.models.asr import AsrModel
from moeasr.nn.position import key_positions

MAX_POSITIONS = 5000  # number of positions in WeNet's tables
CMVN = {"cmvn.mean": "encoder.global_cmvn.mean", "cmvn.istd": "encoder.global_cmvn.istd"}
BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def to_ours(
    state: Mapping[str, Tensor], settings: WenetSettings, target: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Convert WeNet's weights to the weights of our model.

    Args:
        state: WeNet's state_dict, including CMVN if the settings have it.
        settings: Settings of the train.yaml in the same directory.
        target: State of our model, for names and shapes.
        source: The file's name, for messages.

    Raises:
        InputError: Weights are missing, unknown or of another shape. The message gives their names
            in WeNet.
    """
    wanted = pairs(settings.model, settings.is_bidirectional)
    if settings.cmvn is not None:
        wanted = wanted + _cmvn_pairs()
    state = {name: tensor.float() for name, tensor in state.items()}
    for name in [name for name in state if _is_ignored(name, settings)]:
        del state[name]
    _add_biases(state, wanted, settings, source)
    _fold_batch_norms(state, settings, source)
    if settings.ties_embedding:
        _tie(state)
    expected = [name for pair in wanted for name in pair.theirs]
    _refuse(source, "lacks", [name for name in expected if name not in state])
    _refuse(source, "has unknown", [name for name in state if name not in set(expected)])
    ours = {}
    for pair in wanted:
        ours[pair.ours] = _converted(pair, state, target[pair.ours].shape, source)
    if settings.cmvn is None:
        ours.update({name: target[name] for name in CMVN})  # a mean of 0 and a deviation of 1
    return ours


def to_theirs(model: AsrModel) -> dict[str, Tensor]:
    """Return the complete state_dict of the corresponding WeNet model.

    Args:
        model: A model whose components WeNet supports.
    """
    state = model.state_dict()
    is_bidirectional = model.config.decoder.num_reverse_blocks > 0
    theirs = {}
    for pair in [*_cmvn_pairs(), *pairs(model.config, is_bidirectional)]:
        theirs.update(zip(pair.theirs, pair.form.to_theirs(state[pair.ours])))
    encoder = model.config.encoder
    if encoder.conv_norm == "none":
        for i in range(encoder.num_blocks):
            theirs.update(_idle_batch_norm(f"encoder.encoders.{i}.conv_module", encoder.d_model))
    decoders = [name for name in theirs if name.endswith("embed.0.weight")]
    like = torch.zeros(1, encoder.d_model)
    table = key_positions(torch.zeros(1, dtype=torch.int64), MAX_POSITIONS, like)
    for name in ("encoder.embed.pos_enc.pe", *(n.replace("0.weight", "1.pe") for n in decoders)):
        theirs[name] = table.clone()
    return {name: tensor.contiguous() for name, tensor in theirs.items()}


def _cmvn_pairs() -> list[Pair]:
    return [Pair(ours, (theirs,), SAME) for ours, theirs in CMVN.items()]


def _is_ignored(name: str, settings: WenetSettings) -> bool:
    """Return whether a tensor of WeNet can be ignored.

    This is so for tables that any program can compute (positional encodings), and for layers that
    the checkpoint contains but WeNet never uses.
    """
    if name.endswith((".pos_enc.pe", ".embed.1.pe")) or ".concat_linear" in name:
        return True
    if not settings.model.encoder.final_norm and name.startswith("encoder.after_norm."):
        return True
    has_reverse = settings.model.decoder.num_reverse_blocks > 0
    is_right = name.startswith("decoder.right_decoder.")
    return settings.is_bidirectional and not has_reverse and is_right


def _add_biases(
    state: dict[str, Tensor], wanted: Sequence[Pair], settings: WenetSettings, source: str
) -> None:
    """Add biases of zero for the layers that have no bias according to the settings."""
    if not settings.without_bias:
        return
    absent = re.compile("(" + "|".join(settings.without_bias) + r")\.bias")
    names = [name for pair in wanted for name in pair.theirs if absent.fullmatch(name)]
    _refuse(source, "has unknown", [name for name in names if name in state])
    for name in names:
        weight = state.get(name.removesuffix("bias") + "weight")
        if weight is not None:  # a missing weight is reported later, by its own name
            state[name] = weight.new_zeros(weight.size(0))


def _fold_batch_norms(state: dict[str, Tensor], settings: WenetSettings, source: str) -> None:
    """Fold batch norms into the depthwise convolutions before them.

    y = (w * x + b - mean) g / sqrt(var + eps) + beta is again a convolution with a bias.
    """
    if settings.batch_norm_eps is None:
        return
    for i in range(settings.model.encoder.num_blocks):
        conv = f"encoder.encoders.{i}.conv_module"
        names = [f"{conv}.norm.{name}" for name in BATCH_NORM]
        needed = [*names[:4], f"{conv}.depthwise_conv.weight", f"{conv}.depthwise_conv.bias"]
        _refuse(source, "lacks", [name for name in needed if name not in state])
        gain, beta, mean, var, weight, bias = (state[name].double() for name in needed)
        gain = gain / (var + settings.batch_norm_eps).sqrt()
        state[f"{conv}.depthwise_conv.weight"] = (weight * gain[:, None, None]).float()
        state[f"{conv}.depthwise_conv.bias"] = ((bias - mean) * gain + beta).float()
        for name in names:
            state.pop(name, None)


def _idle_batch_norm(conv: str, width: int) -> dict[str, Tensor]:
    """Return the tensors of a batch norm that does not change its input."""
    ones, zeros = torch.ones(width), torch.zeros(width)
    values = (ones, zeros, zeros, ones - NORM_EPS, torch.tensor(0))
    return {f"{conv}.norm.{name}": value for name, value in zip(BATCH_NORM, values)}


def _tie(state: dict[str, Tensor]) -> None:
    """Copy the weights of token embeddings to output layers, as WeNet does after loading."""
    for name in [name for name in state if name.endswith("embed.0.weight")]:
        state[name.replace("embed.0", "output_layer")] = state[name]


def _converted(pair: Pair, state: Mapping[str, Tensor], shape: torch.Size, source: str) -> Tensor:
    tensors = [state[name] for name in pair.theirs]
    try:
        tensor = pair.form.to_ours(tensors)
    except (RuntimeError, IndexError):  # they cannot be stacked, or have too few dimensions
        tensor = None
    if tensor is None or tensor.shape != shape:
        shapes = " ".join(str(tuple(theirs.shape)) for theirs in tensors)
        raise InputError(
            f"{source}: '{pair.theirs[0]}' has shape {shapes}, but according to train.yaml, "
            f"'{pair.ours}' must have shape {tuple(shape)}"
        )
    return tensor


def _refuse(source: str, what: str, names: Sequence[str]) -> None:
    """Raise `InputError` with the names of missing or unknown weights, if there are any."""
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise InputError(f"{source} {what} weights: {', '.join(names[:5])}{more}")
