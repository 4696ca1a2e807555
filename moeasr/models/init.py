"""Trained weights to begin with: of a whole model, or of SpeechMoE's embedding network."""

from torch import nn

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel


def copy_weights(source: AsrModel, target: AsrModel, path: str) -> None:
    """Give `target` all weights of `source`, a model of the same configuration.

    Args:
        source: The trained model.
        target: The new one.
        path: Where `source` came from, for messages.

    Raises:
        InputError: They are not of one shape.
    """
    _copy(source, target, path, "this model")


def start_embedding(source: AsrModel, target: AsrModel, path: str) -> None:
    """Give the embedding network of `target` the encoder and the CTC head of `source`.

    SpeechMoE's network is first trained as a recogniser of its own and stripped of its decoders
    (arXiv 2105.03036, section 3.2; the authors' recipe does so). It learns on with weight gamma.

    Args:
        source: The trained model.
        target: The SpeechMoE.
        path: Where `source` came from, for messages.

    Raises:
        InputError: `target` has no embedding network, or one of another shape.
    """
    if target.embedding is None:
        raise InputError("`init.embedding` needs an `embedding` section in the model")
    _copy(source.encoder, target.embedding.encoder, path, "the embedding network")
    _copy(source.ctc, target.embedding.ctc, path, "the embedding network's CTC head")


def _copy(source: nn.Module, target: nn.Module, path: str, what: str) -> None:
    try:
        target.load_state_dict(source.state_dict())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]  # torch lists every tensor, a line each
        raise InputError(f"{path} does not fit {what}: {reason}") from None
