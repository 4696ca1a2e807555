"""Trained models from which a new model is initialised, or from which it learns."""

from collections.abc import Iterable

import torch

from moeasr import checkpoint
from moeasr.config import from_mapping, to_mapping
from moeasr.convert.initialise import copy_weights, start_embedding
from moeasr.convert.module_copy import TrainedModel, copy_modules, top_modules
from moeasr.convert.upcycling import upcycle_into
from moeasr.errors import InputError
from moeasr.experiment.config import InitConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.models.build import load_model
from moeasr.plurals import counted
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.resume import find_changes

logger = get_logger(__name__)


def load_trained(path: str, tokenizer: Tokenizer, fbank: FbankConfig) -> AsrModel:
    """Load the network of a checkpoint, as a teacher or for initialisation.

    Raises:
        InputError: The checkpoint cannot be read, or was trained with other units or features.
    """
    trained, units = _load_with_units(path, fbank)
    if units.state() != tokenizer.state():
        raise InputError(
            f"checkpoint {path}: this model was trained with other output units; use the "
            "dictionary directory of its training (only `init.from` allows other units)"
        )
    return trained


def _load_with_units(path: str, fbank: FbankConfig) -> tuple[AsrModel, Tokenizer]:
    """Load the network of a checkpoint that was trained with the same filter banks."""
    content = checkpoint.load_with_model(path)
    try:
        tokenizer = Tokenizer.from_state(content["tokenizer"])
        their_fbank = from_mapping(FbankConfig, content["fbank"], "its feature settings")
        changes = find_changes(to_mapping(fbank), to_mapping(their_fbank))
        if changes:
            shown = [(change.key, *change.shown()) for change in changes]
            values = ", ".join(f"`{key}: {new}` in place of {old}" for key, old, new in shown)
            raise InputError(
                f"this model was trained with other filter banks; write {values} to "
                "conf/fbank.yaml, as in its training, and repeat the recipe from stage 1"
            )
        return load_model(content), tokenizer
    except InputError as error:
        raise InputError(f"checkpoint {path}: {error}") from None


def start_model(
    model: AsrModel, config: InitConfig, tokenizer: Tokenizer, fbank: FbankConfig
) -> list[str]:
    """Initialise a new model with the trained weights that the `init:` section names.

    Returns:
        The modules in which some weights are new although the section names a trained model.

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
            "`expert_weights: one` gives %s no gradient from the model's output, so "
            "training does not change them; the first is that of %s",
            counted(len(fixed), "router"),
            fixed[0],
        )
    sentence = "CMVN comes from --cmvn, not from the checkpoint (`init.cmvn: corpus`)"
    if config.brings_cmvn:
        sentence = "CMVN comes from the checkpoint, not from --cmvn (`init.cmvn: checkpoint`)"
    new: list[str] = []
    corpus_cmvn = {name: value.clone() for name, value in model.cmvn.state_dict().items()}
    if config.model is not None:
        copy_weights(load_trained(config.model, tokenizer, fbank), model, config.model)
        logger.info("initialised all weights from %s; %s", config.model, sentence)
    if config.from_ is not None:
        trained, theirs = _load_with_units(config.from_, fbank)
        source = TrainedModel(config.from_, trained, theirs.units)
        report = copy_modules(source, model, tokenizer.units, config.modules)
        new = [*report.new, *report.new_rows]
        logger.info("initialised from %s: %s; %s", config.from_, report.describe(), sentence)
    if config.dense is not None:
        dense = load_trained(config.dense, tokenizer, fbank)
        try:
            converted = upcycle_into(model, dense, noise=0.0, generator=torch.Generator())
        except InputError as error:
            raise InputError(f"{config.dense}: {error}") from None
        logger.info(
            "initialised the weights from %s: %d feed-forwards became experts; %s",
            config.dense,
            len(converted),
            sentence,
        )
        modules = [name for name in top_modules(model) if name not in top_modules(dense)]
        new = [*_new_parts_of_layers(model, converted), *modules]
    if config.embedding is not None:
        trained = load_trained(config.embedding, tokenizer, fbank)
        start_embedding(trained, model, config.embedding)
        logger.info("initialised the embedding network from the encoder of %s", config.embedding)
        beside = new if config.dense is not None else top_modules(model)
        new = [name for name in beside if name != "embedding"]
    if config.cmvn == "corpus":
        model.cmvn.load_state_dict(corpus_cmvn)
    return new


def _new_parts_of_layers(model: AsrModel, converted: Iterable[str]) -> list[str]:
    """Return the modules with new weights in layers that were dense in the trained model.

    These are the routers and, beside a shared expert, the routed experts.
    """
    layers, new = model.moe_layers(), []
    for name in converted:
        new.append(f"{name}.router")
        if layers[name].shared_expert is not None:
            new.append(f"{name}.experts")
    return new
