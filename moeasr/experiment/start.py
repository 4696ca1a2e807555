"""Trained models from which a new model is initialised, or from which it learns."""

import torch

from moeasr import checkpoint
from moeasr.config import from_mapping
from moeasr.convert.initialise import copy_weights, start_embedding
from moeasr.convert.upcycling import upcycle_into
from moeasr.errors import InputError
from moeasr.experiment.config import InitConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.models.build import load_model
from moeasr.text.tokenizer import Tokenizer

logger = get_logger(__name__)


def load_trained(path: str, tokenizer: Tokenizer, fbank: FbankConfig) -> AsrModel:
    """Load the network of a checkpoint, as a teacher or for initialisation.

    Raises:
        InputError: The checkpoint cannot be read, or was trained with other units or features.
    """
    content = checkpoint.load_with_model(path)
    try:
        theirs = Tokenizer.from_state(content["tokenizer"]).state()
        their_fbank = from_mapping(FbankConfig, content["fbank"], "its feature settings")
        if theirs != tokenizer.state():
            raise InputError(
                "this model was trained with other output units; use the dictionary directory of "
                "its training"
            )
        if their_fbank != fbank:
            raise InputError(
                "this model was trained with other filter banks; use the conf/fbank.yaml of its "
                "training"
            )
        return load_model(content)
    except InputError as error:
        raise InputError(f"checkpoint {path}: {error}") from None


def start_model(
    model: AsrModel, config: InitConfig, tokenizer: Tokenizer, fbank: FbankConfig
) -> None:
    """Initialise a new model with the trained weights that the `init:` section names.

    Raises:
        InputError: A checkpoint does not match the model.
    """
    fixed = [
        name
        for name, layer in model.moe_layers().items()
        if layer.router.learns and not layer.router.has_gradient
    ]
    if fixed:
        logger.warning(
            "`expert_weights: one` gives %d routers no gradient from the model's output, so "
            "training does not change them; the first is that of %s",
            len(fixed),
            fixed[0],
        )
    corpus_cmvn = {name: value.clone() for name, value in model.cmvn.state_dict().items()}
    if config.model is not None:
        copy_weights(load_trained(config.model, tokenizer, fbank), model, config.model)
        logger.info("initialised all weights from %s", config.model)
    if config.dense is not None:
        dense = load_trained(config.dense, tokenizer, fbank)
        try:
            converted = upcycle_into(model, dense, noise=0.0, generator=torch.Generator())
        except InputError as error:
            raise InputError(f"{config.dense}: {error}") from None
        logger.info(
            "initialised the weights from %s: %d feed-forwards became experts",
            config.dense,
            len(converted),
        )
    if config.embedding is not None:
        trained = load_trained(config.embedding, tokenizer, fbank)
        start_embedding(trained, model, config.embedding)
        logger.info("initialised the embedding network from the encoder of %s", config.embedding)
    if config.cmvn == "corpus":
        model.cmvn.load_state_dict(corpus_cmvn)
    if config.brings_cmvn:
        logger.info("CMVN comes from the checkpoint, not from --cmvn (`init.cmvn: checkpoint`)")
    elif (config.model, config.dense) != (None, None):
        logger.info("CMVN comes from --cmvn, not from the checkpoint (`init.cmvn: corpus`)")
