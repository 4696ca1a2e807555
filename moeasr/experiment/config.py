"""The YAML file of an experiment: its sections, and functions to read and write it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from moeasr.atomic import atomic_path
from moeasr.augment.augmentations import AnyAugmentation
from moeasr.config import apply_overrides, from_mapping, to_mapping
from moeasr.config_bases import load_chain, merge
from moeasr.config_roles import PROCEDURE
from moeasr.convert.adapters import AnyAdapter
from moeasr.data.sampler import BatchConfig
from moeasr.data.selection import LengthLimits
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig
from moeasr.models.config import ModelConfig
from moeasr.models.distillation import DistillationConfig
from moeasr.train.config import TrainConfig
from moeasr.yaml_text import dump_yaml


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The `data:` section: selection of utterances, batches, augmentation and masks."""

    limits: LengthLimits = field(default_factory=LengthLimits)
    """Limits on the lengths of training utterances."""
    batch: BatchConfig = field(default_factory=BatchConfig, metadata=PROCEDURE)
    """Size of batches."""
    augment: tuple[AnyAugmentation, ...] = field(default=(), metadata=PROCEDURE)
    """Random changes of the training utterances, applied in order. Batches are planned from the
    lengths without them, so an augmentation that makes utterances longer makes batches larger."""
    spec_augment: SpecAugmentConfig | None = field(
        default_factory=SpecAugmentConfig, metadata=PROCEDURE
    )
    """Masks on the training features; null for none."""
    consistency_time_masks: float = field(default=2.5, metadata=PROCEDURE)
    """Factor on `spec_augment.num_time_masks` when `model.consistency_weight` is above 0. The views
    need more masks than usual to differ enough (arXiv 2410.05101)."""

    def __post_init__(self) -> None:
        """Check that the factor is in range."""
        if not 0 <= self.consistency_time_masks <= 100:
            raise InputError(
                "`consistency_time_masks` must be between 0 and 100, but is "
                f"{self.consistency_time_masks}"
            )

    def masks(self, num_views: int) -> SpecAugmentConfig | None:
        """Return the masks of training with `num_views` views of each utterance."""
        if self.spec_augment is None or num_views == 1:
            return self.spec_augment
        num_time_masks = round(self.consistency_time_masks * self.spec_augment.num_time_masks)
        return replace(self.spec_augment, num_time_masks=num_time_masks)


@dataclass(frozen=True, kw_only=True)
class InitConfig:
    """The `init:` section: trained weights for a new model.

    A resumed training needs the same section, but not the checkpoints.
    """

    model: str | None = None
    """Checkpoint of a model with the same `model:` section and units, such as `moeasr upcycle`
    writes. All its weights are copied."""
    from_: str | None = None
    """Checkpoint of a model to fine-tune, which may have other units. The weights of `modules` are
    copied. In tensors with a row for each unit, such as output layers, the rows of the units that
    both models have are copied, and the other rows are new."""
    modules: tuple[str, ...] = ()
    """Modules of the model that `from` initialises, such as [encoder, ctc]; the others are new.
    Empty for all modules that both models have. A module that is a part of a named one, as CTC is
    of an encoder with self-conditioning, is copied with it."""
    dense: str | None = None
    """Checkpoint of a dense model, whose feed-forwards are each copied to all experts of a bank
    (sparse upcycling, arXiv 2212.05055, as the authors of SpeechMoE do)."""
    embedding: str | None = None
    """Checkpoint of a model whose encoder and CTC head become SpeechMoE's embedding network."""
    cmvn: Literal["checkpoint", "corpus"] = "checkpoint"
    """Feature normalisation of a model that is initialised by `model`, `from` or `dense`: the
    values in the checkpoint, with which its weights were trained, or those of the corpus
    (`--cmvn`)."""

    def __post_init__(self) -> None:
        """Check that the settings are compatible."""
        if self.model is not None and (self.dense, self.embedding) != (None, None):
            raise InputError(
                "`init.model` is a whole model and cannot be combined with `init.dense` or "
                "`init.embedding`"
            )
        if self.from_ is not None and len(self.checkpoints) > 1:
            raise InputError(
                "`init.from` cannot be combined with `init.model`, `init.dense` or `init.embedding`"
            )
        if self.modules and self.from_ is None:
            raise InputError("`init.modules` needs `init.from`, the checkpoint of the modules")
        if self.cmvn == "corpus" and not self._has_model_with_cmvn:
            raise InputError("`init.cmvn: corpus` needs `init.model`, `init.from` or `init.dense`")

    @property
    def checkpoints(self) -> dict[str, str]:
        """Paths of the checkpoints by key."""
        paths = {"model": self.model, "from": self.from_, "dense": self.dense}
        paths["embedding"] = self.embedding
        return {f"init.{key}": path for key, path in paths.items() if path is not None}

    @property
    def brings_cmvn(self) -> bool:
        """True if CMVN comes from a trained model instead of the corpus."""
        return self.cmvn == "checkpoint" and self._has_model_with_cmvn

    @property
    def _has_model_with_cmvn(self) -> bool:
        return not self.checkpoints.keys() <= {"init.embedding"}


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """The content of a YAML file in `conf/`."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """The network."""
    data: DataConfig = field(default_factory=DataConfig)
    """Utterances, batches, augmentation and masks."""
    train: TrainConfig = field(default_factory=TrainConfig, metadata=PROCEDURE)
    """Optimizer, schedule and epochs."""
    init: InitConfig = field(default_factory=InitConfig)
    """Trained weights for a new model."""
    adapter: AnyAdapter | None = None
    """An adapter: few weights that are trained, while the weights that `init` copies stay
    unchanged; null to train all weights."""
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    """Teacher and the weights of its losses."""

    def __post_init__(self) -> None:
        """Check that the settings are compatible."""
        if self.train.best_by == "acc" and self.model.ctc_weight == 1:
            raise InputError(
                "`train.best_by: acc` is the accuracy of the decoder, which is not trained with "
                "`model.ctc_weight: 1`; use `train.best_by: loss`"
            )
        if self.train.best_by == "wer" and self.model.ctc_weight == 0:
            raise InputError(
                "`train.best_by: wer` needs a trained CTC head, whose greedy search gives the word "
                "error rate; with `model.ctc_weight: 0` use `loss` or `acc`"
            )
        for name, head in self.model.heads.items():
            if head.serves_experts and head.weight == 0 and not self.init.checkpoints:
                raise InputError(
                    f"`model.heads.{name}.weight` is 0, so this head would choose groups of "
                    "experts at random; set it above 0, or start from a trained model (`init`)"
                )
        if self.adapter is not None and not self.init.checkpoints:
            raise InputError(
                "`adapter` keeps the weights of a trained model, but there is none; name it with "
                "`init.model` or `init.from`"
            )


def load_experiment(path: str | Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read a YAML file and its bases, apply `a.b=value` overrides, and check every key.

    Bases are checked first, so that an error is reported for the file that contains it.

    Raises:
        InputError: A key or value is wrong. The message names the file and the dotted path of the
            key. Or a routing loss cannot be imported.
    """
    *bases, own = load_chain(path)
    mapping: dict[str, Any] = {}
    for base in bases:
        mapping = merge(mapping, base.keys)
        from_mapping(ExperimentConfig, mapping, base.path)
    mapping = apply_overrides(merge(mapping, own.keys), overrides)
    config = from_mapping(ExperimentConfig, mapping, path)
    config.model.check_routing_losses()
    return config


def write_config(config: ExperimentConfig, exp_dir: Path) -> None:
    """Write the resolved config to `config.yaml` in the experiment directory."""
    with atomic_path(exp_dir / "config.yaml") as temporary:
        temporary.write_text(dump_yaml(to_mapping(config)), encoding="utf-8")
