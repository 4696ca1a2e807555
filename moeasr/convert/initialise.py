"""Initialisation of a model or of SpeechMoE's embedding network with trained weights."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from moeasr.config_roles import values_by_key
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel


def copy_weights(source: AsrModel, target: AsrModel, path: str) -> None:
    """Copy all weights of `source` to `target`, a model with the same configuration.

    Args:
        source: The trained model.
        target: The new model.
        path: Path of `source`, for messages.

    Raises:
        InputError: The tensors of the models do not match, or the models have settings with which
            equal tensors compute different functions.
    """
    configs = (values_by_key(model.config, "identity") for model in (source, target))
    check_same(*configs, path, "this model")
    _copy(source, target, path, "this model")


def start_embedding(source: AsrModel, target: AsrModel, path: str) -> None:
    """Copy the encoder and the CTC head of `source` to the embedding network of `target`.

    SpeechMoE's embedding network is first trained as a separate recogniser, whose decoders are then
    removed (arXiv 2105.03036, section 3.2, and the authors' recipe). The training of the embedding
    network continues by its CTC loss, whose weight is gamma.

    Args:
        source: The trained model.
        target: The SpeechMoE model.
        path: Path of `source`, for messages.

    Raises:
        InputError: `target` has no embedding network, or its configuration differs.
    """
    if target.embedding is None:
        raise InputError("`init.embedding` needs an `embedding` section in the model")
    encoders = (source.config.encoder, target.config.embedding.encoder)
    configs = (values_by_key(encoder, "identity") for encoder in encoders)
    check_same(*configs, path, "the embedding network")
    _copy(source.encoder, target.embedding.encoder, path, "the embedding network")
    _copy(source.ctc, target.embedding.ctc, path, "the embedding network's CTC head")


def check_same(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], path: str, what: str, remedy: str = ""
) -> None:
    """Raise `InputError` if configs differ: equal tensors may then compute different functions.

    Args:
        theirs: Values of the trained model by key.
        ours: Values of the new model by key.
        path: Path of the trained model, for the message.
        what: The compared part of the new model, for the message.
        remedy: End of the message.
    """
    faults = [
        f"`{key}` is {ours.get(key)} in the config but {theirs.get(key)} in the checkpoint"
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key) != theirs.get(key)
    ]
    if faults:
        raise InputError(f"{path} does not fit {what}: {'; '.join(faults[:3])}{remedy}")


def _copy(source: nn.Module, target: nn.Module, path: str, what: str) -> None:
    try:
        target.load_state_dict(source.state_dict())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]  # torch lists every tensor, a line each
        raise InputError(f"{path} does not fit {what}: {reason}") from None
