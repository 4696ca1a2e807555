"""Batches of a data directory, as configured by an experiment."""

import dataclasses
import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from moeasr import distributed
from moeasr.data.augmented_features import AugmentedFeatures, check_augmentations
from moeasr.data.batch import Batch
from moeasr.data.data_type import find_data_type
from moeasr.data.dataset import AsrDataset
from moeasr.data.feature_settings import SETTINGS, read_settings
from moeasr.data.loader import batch_stream
from moeasr.data.sampler import BatchSampler, BucketBatchSampler
from moeasr.data.selection import load_utterances
from moeasr.data.shards.reader import shard_numbers
from moeasr.data.window_sampler import ShardWindowSampler
from moeasr.datadir.utterance_labels import check_repeated, language_groups
from moeasr.datadir.utterances import Utterances
from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.limits import check_num_processes
from moeasr.logs import get_logger
from moeasr.text.tokenizer import Tokenizer

logger = get_logger(__name__)


@dataclass(frozen=True)
class Batches:
    """A `moeasr.train.batch_source.BatchSource` over a dataset.

    Attributes:
        utterances: The utterances.
        dataset: The training examples of the utterances.
        sampler: The sampler that groups utterances into batches.
        num_workers: Number of processes that load data in advance.
        shard_layout: Digest of the shard of each utterance, on which `window_shards` depends; empty
            without this key.
    """

    utterances: Utterances
    dataset: AsrDataset
    sampler: BatchSampler
    num_workers: int
    shard_layout: str = ""

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches of this process in an epoch."""
        return len(self.sampler.batches(epoch))

    def stream(self, epoch: int, start: int) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch from index `start` on."""
        return batch_stream(self.dataset, self.sampler, epoch, start, self.num_workers)

    def leave_out(self, epoch: int, parts: Sequence[tuple[int, int]]) -> None:
        """Omit the batches of an epoch that earlier runs finished, see `BatchSource.leave_out`."""
        self.sampler.leave_out(epoch, parts)


def make_batches(
    data_dir: str | Path,
    config: ExperimentConfig,
    tokenizer: Tokenizer,
    output_len: Callable[[int], int],
    seed: int,
    fill: Tensor | None,
    data_type: str = "feats",
    list_path: Path | None = None,
) -> Batches:
    """Return the batches of a data directory for this process.

    Args:
        data_dir: A data directory with transcripts and the files of `data_type`, and with
            `utt2lang` or another table of labels if the model distinguishes them.
        config: The experiment.
        tokenizer: The tokenizer of the transcripts.
        output_len: Function from the number of feature frames to the number of encoder frames, by
            which utterances that are too short for CTC are omitted.
        seed: Seed of shuffling, augmentation and SpecAugment.
        fill: Value (F,) under SpecAugment's masks. None means development data, which are neither
            masked nor shuffled.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.
        list_path: File for the utterances that are left out, each with the reason.

    Raises:
        InputError: No utterance of the directory can be used, an utterance has a label that the
            model does not know, a label has fewer than two training utterances,
            `train.num_workers` is out of range, or an augmentation does not suit the data type or
            cannot find its sounds.
    """
    check_num_processes("train.num_workers", config.train.num_workers)
    kind, is_training = find_data_type(data_type), fill is not None
    is_windowed = is_training and config.data.batch.window_shards is not None
    if is_windowed and data_type != "shard":
        raise InputError(
            "`data.batch.window_shards` needs --data-type shard and must otherwise be null"
        )
    if is_training:
        check_augmentations(config.data.augment, data_type)
    labels, limits = config.model.labels, config.data.limits
    utterances, _ = load_utterances(
        data_dir, tokenizer, output_len, limits, labels, data_type, list_path
    )
    if is_training and labels.names and not config.model.languages:
        check_repeated(Path(data_dir), utterances.languages, labels)
    reader = kind.open_reader(data_dir, whole_files=is_windowed)
    num_views = 2 if is_training and config.model.consistency_weight > 0 else 1
    masks, augmented = config.data.masks(num_views) if is_training else None, None
    is_masked = masks is not None and masks.first_epoch <= config.train.max_epochs
    if num_views > 1 and not is_masked and not config.data.augment:
        logger.warning(
            "`model.consistency_weight` compares two views of each utterance, but no epoch has "
            "masks, so the views differ only by dropout, at twice the cost; set `data.spec_augment`"
        )
    if is_training and config.data.augment:
        has_settings = (Path(data_dir) / SETTINGS).is_file()
        fbank = read_settings(data_dir) if has_settings else FbankConfig()
        # Utterances in different languages are not joined, although the model may not tell them.
        groups = language_groups(Path(data_dir), utterances.utt_ids, utterances.languages)
        alike = dataclasses.replace(utterances, languages=groups)
        augmented = AugmentedFeatures(alike, reader, config.data.augment, fbank, seed)
    arguments = (masks, fill, seed, reader, num_views, augmented)
    dataset = AsrDataset(utterances, tokenizer, *arguments)
    settings = (config.data.batch, seed, distributed.rank(), distributed.world_size())
    shard_layout = ""
    if is_windowed:
        entries = utterances.entries
        shards = shard_numbers(entries.values(), len(entries))[utterances.rows]
        shard_layout = hashlib.sha256(shards.tobytes()).hexdigest()
        sampler = ShardWindowSampler(utterances.num_frames, shards, *settings)
    else:
        sampler = BucketBatchSampler(utterances.num_frames, *settings, shuffle=is_training)
    # reading stored features of development data needs no worker processes
    num_workers = config.train.num_workers if is_training or kind.open_audio is not None else 0
    return Batches(utterances, dataset, sampler, num_workers, shard_layout)


def read_features_config(
    train_dir: str | Path, dev_dir: str | Path, num_mel_bins: int, data_type: str = "feats"
) -> FbankConfig:
    """Return the feature settings of the training and development sets, which must be equal.

    Args:
        train_dir: Training set.
        dev_dir: Development set.
        num_mel_bins: Number of mel bins in the mean and variance that the model will apply.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.

    Raises:
        InputError: A set lacks a file that `data_type` needs, or the settings differ.
    """
    configs = []
    kind = find_data_type(data_type)
    for data_dir in map(Path, (train_dir, dev_dir)):
        for name in (kind.table, SETTINGS):
            kind.require(data_dir, str(name))
        configs.append(read_settings(data_dir))
    if configs[0] != configs[1]:
        raise InputError(
            f"the features of {train_dir} and {dev_dir} have different settings; compute both "
            "again (stage 1)"
        )
    if configs[0].num_mel_bins != num_mel_bins:
        raise InputError(
            f"the features of {train_dir} have {configs[0].num_mel_bins} mel bins, but the mean "
            f"and variance of --cmvn have {num_mel_bins}; compute both again (stage 1)"
        )
    return configs[0]
