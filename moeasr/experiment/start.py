"""Trained weights that a new model begins with, or learns from."""

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
    """The network of a checkpoint that this experiment builds on: a teacher, or weights to start.

    Raises:
        InputError: It cannot be read, or was trained on other units or features.
    """
    content = checkpoint.load_with_model(path)
    try:
        theirs = Tokenizer.from_state(content["tokenizer"]).state()
        their_fbank = from_mapping(FbankConfig, content["fbank"], "its feature settings")
        if theirs != tokenizer.state():
            raise InputError("it was trained with other units than this experiment's")
        if their_fbank != fbank:
            raise InputError("it was trained with other filter banks than this experiment's")
        return load_model(content)
    except InputError as error:
        raise InputError(f"checkpoint {path}: {error}") from None


def start_model(
    model: AsrModel, config: InitConfig, tokenizer: Tokenizer, fbank: FbankConfig
) -> None:
    """Give a new model the trained weights that the `init:` section names.

    Raises:
        InputError: A checkpoint does not fit.
    """
    fixed = [
        name
        for name, layer in model.moe_layers().items()
        if layer.router.learns and not layer.router.has_gradient
    ]
    if fixed:
        logger.warning(
            "`expert_weights: one` gives %d routers no gradient from the model's output, such as "
            "that of %s: they stay as they are",
            len(fixed),
            fixed[0],
        )
    corpus_cmvn = {name: value.clone() for name, value in model.cmvn.state_dict().items()}
    if config.model is not None:
        copy_weights(load_trained(config.model, tokenizer, fbank), model, config.model)
        logger.info("beginning with all weights of %s", config.model)
    if config.dense is not None:
        dense = load_trained(config.dense, tokenizer, fbank)
        try:
            converted = upcycle_into(model, dense, noise=0.0, generator=torch.Generator())
        except InputError as error:
            raise InputError(f"{config.dense}: {error}") from None
        logger.info(
            "beginning with the weights of %s: %d feed-forwards became experts",
            config.dense,
            len(converted),
        )
    if config.embedding is not None:
        trained = load_trained(config.embedding, tokenizer, fbank)
        start_embedding(trained, model, config.embedding)
        logger.info("the embedding network begins with the encoder of %s", config.embedding)
    if config.cmvn == "corpus":
        model.cmvn.load_state_dict(corpus_cmvn)
    if config.brings_cmvn:
        logger.info("CMVN: the checkpoint's, and not --cmvn (`init.cmvn: checkpoint`)")
    elif (config.model, config.dense) != (None, None):
        logger.info("CMVN: --cmvn, and not the checkpoint's (`init.cmvn: corpus`)")
