"""Construction of a trainer from a YAML file and data directories."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from moeasr import distributed
from moeasr.config import to_mapping
from moeasr.data.batch import Batch
from moeasr.experiment.batches import make_batches, read_features_config
from moeasr.experiment.config import load_experiment, write_config
from moeasr.experiment.data_sets import write_data_sets
from moeasr.experiment.evaluation_batch import make_evaluation
from moeasr.experiment.loss import make_loss
from moeasr.experiment.metadata import checkpoint_metadata
from moeasr.experiment.preflight import Preflight
from moeasr.experiment.resumption import take_up
from moeasr.experiment.start import start_model
from moeasr.features.cmvn import CmvnStats
from moeasr.logs import get_logger
from moeasr.models.build import build_model, count_params
from moeasr.models.config import ModelConfig
from moeasr.models.heads.attention_head import AttentionConfig
from moeasr.report.training_pictures import TrainingPictures
from moeasr.seed import seed_all
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.freezing import warn_of_frozen_new
from moeasr.train.rank_agreement import check_same_config, check_same_inputs, share_weights
from moeasr.train.resume import check_identity
from moeasr.train.trainer import Trainer

logger = get_logger("train")


@dataclass(frozen=True, kw_only=True)
class TrainingInputs:
    """The inputs of a training, as the options of `moeasr train` give them."""

    config: str
    """YAML file of the experiment."""
    overrides: Sequence[str]
    """Overrides of keys in the YAML file, `a.b=value`."""
    train_dir: str
    """Data directory of the training set."""
    dev_dir: str
    """Data directory of the development set."""
    data_type: str
    """One of `moeasr.data.data_type.DATA_TYPES`."""
    dict_dir: str
    """Directory with the units, written by `make_dict`."""
    cmvn: str
    """File with the mean and variance of the features, written by `compute_cmvn`."""
    exp_dir: str
    """Directory of the experiment."""
    seed: int
    """Seed of all random numbers."""
    command: str
    """Command line, which checkpoints record."""


def make_trainer(inputs: TrainingInputs, device: torch.device) -> Trainer[Batch]:
    """Build all parts of a training. Every process must call it.

    Args:
        inputs: The inputs of the training.
        device: Device of this process.

    Raises:
        InputError: A file is missing or malformed, the inputs do not match each other, or an
            earlier run in `exp_dir` cannot be resumed with them.
    """
    return _prepare(inputs, device, is_rehearsal=False).trainer


def make_preflight(inputs: TrainingInputs, device: torch.device) -> Preflight:
    """Build all parts of a training for a check that writes nothing, as `make_trainer` does."""
    return _prepare(inputs, device, is_rehearsal=True)


def _prepare(inputs: TrainingInputs, device: torch.device, is_rehearsal: bool) -> Preflight:
    """Build all parts of a training; for a rehearsal, without writing to its directory."""
    is_writer = distributed.is_main() and not is_rehearsal
    config = load_experiment(inputs.config, inputs.overrides)
    tokenizer = Tokenizer.from_dir(inputs.dict_dir)
    mean, istd = CmvnStats.load(inputs.cmvn).mean_istd()
    sets = (inputs.train_dir, inputs.dev_dir)
    fbank = read_features_config(*sets, mean.numel(), inputs.data_type)
    exp_dir = Path(inputs.exp_dir)
    resumption = take_up(config, exp_dir, (mean, istd), inputs.cmvn)
    check_same_config(to_mapping(config))
    check_same_inputs(
        {
            "seed": inputs.seed,
            "data type": inputs.data_type,
            "dictionary": dict(tokenizer.state()),
            "kind of features": to_mapping(fbank),
            "step in last.pt": resumption.step,
        }
    )

    seed_all(inputs.seed)
    model = build_model(config.model, mean.numel(), tokenizer.vocab_size, (mean, istd))
    new = [] if resumption.is_resumed else start_model(model, config.init, tokenizer, fbank)
    if config.adapter is not None:
        config.adapter.attach(model, new)
    warn_of_frozen_new(model, config.train.freeze, config.train.max_epochs, new)
    model = model.to(device)
    share_weights(model)
    logger.info("parameters: %s", count_params(model).describe())
    if config.adapter is not None:
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        millions = trained / 1e6, count_params(model).total / 1e6
        logger.info("%.2f M of %.2f M parameters are trained (`adapter`)", *millions)
    # Processes draw their own dropout and chunk sizes.
    seed_all(inputs.seed + distributed.rank())

    common = (config, tokenizer, model.output_len, inputs.seed)
    lists = [_left_out_list(exp_dir, data_dir) if is_writer else None for data_dir in sets]
    # masked cells become 0 after the model's CMVN, which may not be that of the corpus
    fill = model.cmvn.mean.cpu() if resumption.cmvn_mean is None else resumption.cmvn_mean
    train = make_batches(inputs.train_dir, *common, fill, inputs.data_type, lists[0])
    metadata = checkpoint_metadata(
        *(config, tokenizer, fbank, train.utterances),
        *(inputs.config, inputs.overrides, inputs.seed, inputs.command),
    ) | {"shard_layout": train.shard_layout}
    if resumption.identity is not None:  # before a record of the experiment is changed
        check_identity(resumption.identity, metadata, exp_dir / "last.pt")
    dev = make_batches(inputs.dev_dir, *common, None, inputs.data_type, lists[1])
    check_same_inputs(
        {
            "training set": (metadata["training_set"], metadata["training_text"]),
            "dev set": (dev.utterances.digest(), dev.utterances.text_digest()),
            "layout of shards": train.shard_layout,
            "teacher": metadata["teacher"],
        }
    )
    trainer = Trainer(
        model=model,
        loss_of=make_loss(model, config.distillation, tokenizer, fbank, device),
        describe=Batch.describe,
        train=train,
        dev=dev,
        config=config.train,
        exp_dir=exp_dir,
        metadata=metadata,
        device=device,
        restart_epoch=resumption.restarts_with(train.shard_layout),
        before_step=model.start_step,
        after_step=model.react if model.has_reacting_routers else None,
        evaluate_batch=make_evaluation(model, tokenizer, dev.utterances, device),
        after_epoch=TrainingPictures(exp_dir, model, tokenizer, dev.dataset).draw,
    )
    if is_writer:  # nothing has been refused
        if not resumption.is_finished:
            write_config(config, exp_dir)
        sets = (inputs.train_dir, train.utterances), (inputs.dev_dir, dev.utterances)
        write_data_sets(exp_dir, *sets, fbank)
        logger.info("%s", legend(config.model))
    parts = {"trainer": trainer, "model": model, "train": train, "config": config}
    return Preflight(**parts, exp_dir=exp_dir, device=device)


def legend(model: ModelConfig) -> str:
    """Return an explanation of the line about each epoch that the trainer logs."""
    trained = [head for head in model.all_heads.values() if head.weight > 0]
    parts = ["losses are means per utterance"]
    if any(isinstance(head, AttentionConfig) for head in trained):
        parts.append(
            "dev accuracy: share of units that the attention decoder predicts correctly from the "
            "units before them"
        )
    if any(head.label_set.names for head in trained):
        parts.append("dev labels: share of frames whose label the model identifies correctly")
    parts.append(
        "dev WER: word error rate by CTC greedy search (of characters, in scripts without spaces)"
    )
    return "; ".join(parts)


def _left_out_list(exp_dir: Path, data_dir: str | Path) -> Path:
    """Return the file for the utterances left out of a set."""
    return exp_dir / "log" / f"left_out_{Path(data_dir).resolve().name}.txt"
