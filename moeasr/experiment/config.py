"""The YAML file of an experiment: its sections, read and written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from moeasr.atomic import atomic_path
from moeasr.config import apply_overrides, dump_yaml, from_mapping, to_mapping
from moeasr.config_bases import load_chain, merge
from moeasr.config_roles import PROCEDURE
from moeasr.data.sampler import BatchConfig
from moeasr.data.selection import LengthLimits
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig
from moeasr.models.config import ModelConfig
from moeasr.models.distillation import DistillationConfig
from moeasr.train.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The `data:` section: which utterances are used, how they are batched and masked."""

    limits: LengthLimits = field(default_factory=LengthLimits)
    """Lengths of utterances to train on."""
    batch: BatchConfig = field(default_factory=BatchConfig, metadata=PROCEDURE)
    """Size of batches."""
    spec_augment: SpecAugmentConfig | None = field(
        default_factory=SpecAugmentConfig, metadata=PROCEDURE
    )
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
    """Utterances, batches and masks."""
    train: TrainConfig = field(default_factory=TrainConfig, metadata=PROCEDURE)
    """Optimizer, schedule and epochs."""
    init: InitConfig = field(default_factory=InitConfig)
    """Trained weights to begin with."""
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    """Teacher, and the weights of its losses."""

    def __post_init__(self) -> None:
        """Check combinations."""
        if self.train.best_by == "acc" and self.model.decoder.num_blocks == 0:
            raise InputError(
                "`train.best_by: acc` needs a decoder, whose accuracy it is; "
                "with `model.decoder.num_blocks: 0` use `loss`"
            )
        if self.train.best_by == "wer" and self.model.ctc_weight == 0:
            raise InputError(
                "`train.best_by: wer` needs a trained CTC head, whose greedy search gives the word "
                "error rate; with `model.ctc_weight: 0` use `loss` or `acc`"
            )


def load_experiment(path: str | Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read a YAML file over its bases, apply `a.b=value` overrides, check every key.

    A base is a config of its own and is checked first, so that a fault is reported for the file
    in which it is.

    Raises:
        InputError: Naming the file and the dotted path of the key.
    """
    *bases, own = load_chain(path)
    mapping: dict[str, Any] = {}
    for base in bases:
        mapping = merge(mapping, base.keys)
        from_mapping(ExperimentConfig, mapping, base.path)
    mapping = apply_overrides(merge(mapping, own.keys), overrides)
    return from_mapping(ExperimentConfig, mapping, path)


def write_config(config: ExperimentConfig, exp_dir: Path) -> None:
    """Write the resolved config to `config.yaml`."""
    with atomic_path(exp_dir / "config.yaml") as temporary:
        temporary.write_text(dump_yaml(to_mapping(config)), encoding="utf-8")
