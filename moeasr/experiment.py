"""One experiment: the YAML that describes it, the data it is given, what its checkpoints carry.

This is where the rooms meet on the way to training; only entry points import it.
"""

import hashlib
import subprocess
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from moeasr import checkpoint, distributed
from moeasr.atomic import atomic_path
from moeasr.config import apply_overrides, dump_yaml, from_mapping, load_yaml, to_mapping
from moeasr.convert.initialise import copy_weights, start_embedding
from moeasr.convert.upcycle import upcycle_into
from moeasr.data.batch import Batch
from moeasr.data.data_type import find_data_type
from moeasr.data.dataset import AsrDataset
from moeasr.data.feature_settings import SETTINGS, read_settings
from moeasr.data.loader import batch_stream
from moeasr.data.sampler import BatchConfig, BatchSampler, BucketBatchSampler
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.data.shards.reader import shard_numbers
from moeasr.data.utterances import Utterances
from moeasr.data.window_sampler import ShardWindowSampler
from moeasr.datadir.directory import DataDir
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.limits import check_num_processes
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.models.build import load_model
from moeasr.models.config import ModelConfig
from moeasr.models.distillation import Distillation, DistillationConfig
from moeasr.models.outputs import LossOutput
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.checkpoint import read_last
from moeasr.train.config import TrainConfig
from moeasr.train.resume import Change, check_changes, warn_of_changes

logger = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The `data:` section: which utterances are used, how they are batched and masked."""

    limits: LengthLimits = field(default_factory=LengthLimits)
    """Lengths of utterances to train on."""
    batch: BatchConfig = field(default_factory=BatchConfig)
    """Size of batches."""
    spec_augment: SpecAugmentConfig | None = field(default_factory=SpecAugmentConfig)
    """Masks on the training features; null for none."""


@dataclass(frozen=True, kw_only=True)
class InitConfig:
    """The `init:` section: trained weights to begin with. A resumed training does not read it."""

    model: str | None = None
    """Checkpoint of a model with the same `model:` section, such as `moeasr upcycle` writes."""
    dense: str | None = None
    """Checkpoint of a dense model: each of its feed-forwards is copied into all experts in its
    place (sparse upcycling, arXiv 2212.05055; the authors of SpeechMoE begin so)."""
    embedding: str | None = None
    """Checkpoint of a model whose encoder and CTC head become SpeechMoE's embedding network."""
    cmvn: Literal["checkpoint", "corpus"] = "checkpoint"
    """Feature normalisation of a model that begins with `model` or `dense`: the checkpoint's, which
    its weights know, or that of the corpus (`--cmvn`)."""

    def __post_init__(self) -> None:
        """Check combinations."""
        if self.model is not None and (self.dense, self.embedding) != (None, None):
            raise InputError("`init.model` is a whole model: no other `init` goes with it")
        if self.cmvn == "corpus" and (self.model, self.dense) == (None, None):
            raise InputError("`init.cmvn: corpus` goes with `init.model` or `init.dense`")

    @property
    def brings_cmvn(self) -> bool:
        """True if CMVN is not the corpus's, but that of a trained model."""
        return self.cmvn == "checkpoint" and (self.model, self.dense) != (None, None)


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """A whole YAML file of `conf/`."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """The network."""
    data: DataConfig = field(default_factory=DataConfig)
    """What it is fed."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How it is trained."""
    init: InitConfig = field(default_factory=InitConfig)
    """What it begins with."""
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    """Whom it learns from."""

    def __post_init__(self) -> None:
        """Check combinations."""
        if self.train.best_by == "acc" and self.model.decoder.num_blocks == 0:
            raise InputError(
                "`train.best_by: acc` needs a decoder, whose accuracy it is; "
                "with `model.decoder.num_blocks: 0` use `loss`"
            )


def load_experiment(path: str | Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read a YAML file, apply `a.b=value` overrides, check every key.

    Raises:
        InputError: Naming the file and the dotted path of the key.
    """
    mapping = apply_overrides(load_yaml(path), overrides)
    return from_mapping(ExperimentConfig, mapping, path)


class Resumption(NamedTuple):
    """The way a training begins."""

    is_resumed: bool
    """True if it goes on from `last.pt`; a new model is to be given its first weights."""
    restarts_epoch: bool
    """True if batches have changed, so that an epoch stopped in the middle begins again."""


def take_up(
    config: ExperimentConfig, exp_dir: Path, cmvn: tuple[Tensor, Tensor], cmvn_path: str
) -> Resumption:
    """Check what an experiment directory holds against the config, and write `config.yaml`.

    Every process calls it; the first one writes and warns. The config of a training that is
    finished stays as it is.

    Args:
        config: The config of this run.
        exp_dir: The experiment directory.
        cmvn: Mean and inverse standard deviation, each (F,), of the corpus.
        cmvn_path: Where `cmvn` came from, for a warning.

    Raises:
        InputError: `last.pt` cannot be resumed, or a key changed that may not.
    """
    last, changes = read_last(exp_dir), []
    if last is not None:
        changes = resume_changes(config, last, exp_dir / "last.pt")
    if distributed.is_main():
        warn_of_changes(changes)
        if last is not None:
            check_cmvn(last, cmvn, config.init, cmvn_path)
        if not is_finished(config, last):
            write_config(config, exp_dir)
    restarts = any(change.key.startswith("data.batch") for change in changes)
    return Resumption(last is not None, restarts)


def resume_changes(
    config: ExperimentConfig, last: Mapping[str, Any], last_path: Path
) -> list[Change]:
    """Return the keys that have changed since `last.pt` was written; none once training is done.

    Args:
        config: The config of this run.
        last: The content of `last.pt`.
        last_path: Its name, for messages.

    Raises:
        InputError: A key changed that may not, see `moeasr.train.resume`.
    """
    checkpoint.require_keys(last, "config", (), last_path)
    # Through the dataclasses: keys that did not exist when it was written have their defaults.
    before = from_mapping(ExperimentConfig, last["config"], last_path)
    changes = check_changes(to_mapping(before), to_mapping(config), last_path)
    return [] if is_finished(config, last) else changes


def is_finished(config: ExperimentConfig, last: Mapping[str, Any] | None) -> bool:
    """Return True if `last.pt` is the end of the training that the config asks for."""
    return last is not None and last["trainer"]["epoch"] > config.train.max_epochs


def write_config(config: ExperimentConfig, exp_dir: Path) -> None:
    """Write the resolved config to `config.yaml`."""
    with atomic_path(exp_dir / "config.yaml") as temporary:
        temporary.write_text(dump_yaml(to_mapping(config)), encoding="utf-8")


@dataclass(frozen=True)
class Batches:
    """A `moeasr.train.trainer.BatchSource` over a dataset.

    Attributes:
        utterances: What there is.
        dataset: Their examples.
        sampler: What forms a batch.
        num_workers: Processes that read ahead.
    """

    utterances: Utterances
    dataset: AsrDataset
    sampler: BatchSampler
    num_workers: int

    def fingerprint(self) -> str:
        """A digest of which utterances there are, how long they are, and in which languages."""
        return self.utterances.digest()

    def num_batches(self, epoch: int) -> int:
        """Batches of this process in an epoch."""
        return len(self.sampler.batches(epoch))

    def stream(self, epoch: int, start: int) -> Generator[Batch, None, None]:
        """The batches of an epoch from number `start` on."""
        return batch_stream(self.dataset, self.sampler, epoch, start, self.num_workers)


def make_batches(
    data_dir: str | Path,
    config: ExperimentConfig,
    tokenizer: Tokenizer,
    output_len: Callable[[int], int],
    seed: int,
    fill: Tensor | None,
    data_type: str = "feats",
) -> Batches:
    """The batches of a data directory, this process's share.

    Args:
        data_dir: With what its type needs and transcripts, and `utt2lang` for a model that has
            languages.
        config: The experiment.
        tokenizer: Makes tokens of transcripts.
        output_len: Frames after subsampling, to leave out what is too short for CTC.
        seed: Of shuffling and masks.
        fill: (F,) value under SpecAugment's masks. None means development data: not masked, not
            shuffled.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.

    Raises:
        InputError: No utterance of the directory can be used, one is in none of the model's
            languages, or `train.num_workers` is absurd.
    """
    check_num_processes("train.num_workers", config.train.num_workers)
    kind, is_training = find_data_type(data_type), fill is not None
    is_windowed = is_training and config.data.batch.window_shards is not None
    if is_windowed and data_type != "shard":
        raise InputError("`data.batch.window_shards` needs --data-type shard; else it must be null")
    utterances, skipped = load_utterances(
        data_dir, tokenizer, output_len, config.data.limits, config.model.languages, data_type
    )
    if not utterances:
        reason = f": {skipped[0].utt_id}: {skipped[0].reason}" if skipped else ""
        raise InputError(f"{data_dir} has no usable utterance{reason}")
    reader = kind.open_reader(DataDir(data_dir), whole_files=is_windowed)
    masks = config.data.spec_augment if is_training else None
    dataset = AsrDataset(utterances, tokenizer, masks, fill, seed, reader)
    settings = (config.data.batch, seed, distributed.rank(), distributed.world_size())
    if is_windowed:
        sources = utterances.sources
        shards = shard_numbers(sources.entries(), len(sources))[utterances.rows]
        sampler = ShardWindowSampler(utterances.num_frames, shards, *settings)
    else:
        sampler = BucketBatchSampler(utterances.num_frames, *settings, shuffle=is_training)
    # stored features of development data are read in no time
    num_workers = config.train.num_workers if is_training or kind.open_audio is not None else 0
    return Batches(utterances, dataset, sampler, num_workers)


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
        for name, layer in model.moe_layers()
        if getattr(layer.router, "expert_weights", None) == "one"
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


def check_cmvn(
    last: Mapping[str, Any], cmvn: tuple[Tensor, Tensor], config: InitConfig, path: str
) -> None:
    """Warn if a resumed training does not use the CMVN that it is given.

    Args:
        last: The content of `last.pt`, whose CMVN is used.
        cmvn: Mean and inverse standard deviation, each (F,), of the corpus.
        config: The `init:` section.
        path: Where `cmvn` came from.
    """
    names = ("cmvn.mean", "cmvn.istd")
    if config.brings_cmvn or any(name not in last["model"] for name in names):
        return
    if not all(torch.equal(last["model"][name], mine) for name, mine in zip(names, cmvn)):
        logger.warning("%s is not used: the resumed training keeps the CMVN that it had", path)


def make_loss(
    model: AsrModel,
    config: DistillationConfig,
    tokenizer: Tokenizer,
    fbank: FbankConfig,
    device: torch.device,
) -> Callable[[Batch], LossOutput]:
    """What the trainer minimises: the model's own loss, and its distance from its teacher's.

    Raises:
        InputError: The teacher cannot be read, or cannot teach this model.
    """
    loss_of: Callable[..., LossOutput] = model
    if config.teacher is not None:
        teacher = load_trained(config.teacher, tokenizer, fbank).to(device)
        loss_of = Distillation(model, teacher, config).loss

    def loss_of_batch(batch: Batch) -> LossOutput:
        batch = batch.to(device)
        return loss_of(
            batch.feats, batch.feats_lens, batch.tokens, batch.tokens_lens, batch.languages
        )

    return loss_of_batch


def read_features_config(
    train_dir: str | Path, dev_dir: str | Path, num_mel_bins: int, data_type: str = "feats"
) -> FbankConfig:
    """The settings that both sets' features were made with, or are to be made with.

    Args:
        train_dir: Training set.
        dev_dir: Development set.
        num_mel_bins: Of the mean and variance that the model will apply.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.

    Raises:
        InputError: A set is not ready, or was made so with other settings.
    """
    configs = []
    for directory in map(DataDir, (train_dir, dev_dir)):
        kind = find_data_type(data_type)
        for name in (kind.table, SETTINGS):
            kind.require(directory, str(name))
        configs.append(read_settings(directory.path))
    if configs[0] != configs[1]:
        raise InputError(f"features of {train_dir} and {dev_dir} were made with other settings")
    if configs[0].num_mel_bins != num_mel_bins:
        raise InputError(
            f"features of {train_dir} have {configs[0].num_mel_bins} mel bins, but the mean and "
            f"variance are of {num_mel_bins}"
        )
    return configs[0]


def checkpoint_metadata(
    config: ExperimentConfig,
    tokenizer: Tokenizer,
    fbank: FbankConfig,
    training_set: str,
    config_path: str | Path,
    overrides: Sequence[str],
    seed: int,
    command: str,
) -> dict[str, Any]:
    """What every checkpoint carries beside weights, so that decoding needs nothing else.

    Args:
        config: The experiment.
        tokenizer: Its units.
        fbank: Settings of its features.
        training_set: `Batches.fingerprint` of it: a resumed run must go on with the same.
        config_path: The YAML file, and ...
        overrides: ... what was changed in it; both together name the config in result tables.
        seed: Of everything random.
        command: The command line of the training.
    """
    config_name = " ".join([Path(config_path).stem, *overrides])
    return {
        "config": to_mapping(config),
        "tokenizer": dict(tokenizer.state()),
        "fbank": to_mapping(fbank),
        "seed": seed,
        "training_set": training_set,
        "teacher": _digest(config.distillation.teacher),
        "info": {
            "commit": describe_commit(),
            "seed": seed,
            "config_name": config_name,
            "train_command": command,
        },
    }


def _digest(path: str | None) -> str | None:
    """SHA-256 of a file: a teacher's name may come to stand for another."""
    if path is None:
        return None
    return hashlib.sha256(checkpoint.find_file(path).read_bytes()).hexdigest()


def describe_commit() -> str:
    """`git describe` of the checkout this package runs from, or "unknown"."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
