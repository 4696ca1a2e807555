"""Measurement of how a trained model uses its experts on a data set, layer by layer."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from moeasr.batch_plan import plan_batches
from moeasr.data.batch import Batch, collate
from moeasr.data.data_type import data_type_of, find_data_type
from moeasr.data.dataset import AsrDataset
from moeasr.data.feature_settings import SETTINGS
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.decode.recognizer import Recognizer
from moeasr.logs import progress
from moeasr.models.asr import AsrModel
from moeasr.models.teacher_forced import Inputs, run_teacher_forced
from moeasr.moe.stats import LayerUsage


def read_batches(
    recognizer: Recognizer, data_dir: str | Path, batch_frames: int
) -> tuple[int, Iterator[Batch]]:
    """Return the number of usable utterances of a data directory, and their batches.

    Args:
        recognizer: The model, whose features and units the data must fit. Batches go to its device.
        data_dir: A data directory with `text`, and with `utt2lang` if the model routes by language.
        batch_frames: Number of feature frames per batch, padding included.

    Raises:
        InputError: No utterance can be used, or the features do not fit the model.
    """
    data_type = data_type_of(data_dir)
    no_limits = LengthLimits(min_frames=0, max_frames=sys.maxsize, max_tokens=sys.maxsize)
    utterances, _ = load_utterances(
        data_dir,
        recognizer.tokenizer,
        recognizer.model.output_len,
        no_limits,
        recognizer.labels,
        data_type,
    )
    recognizer.check_fbank(Path(data_dir) / SETTINGS)
    reader = find_data_type(data_type).open_reader(data_dir)
    dataset = AsrDataset(utterances, recognizer.tokenizer, None, fill=None, seed=0, reader=reader)
    plan = plan_batches(utterances.num_frames.tolist(), batch_frames)
    batches = (
        collate([dataset[0, index] for index in batch]).to(recognizer.device)
        for batch in progress(plan, "measuring the use of experts", unit="batches")
    )
    return len(utterances), batches


def measure_usage(
    model: AsrModel, batches: Iterable[Batch], chunk_size: int = -1
) -> list[LayerUsage]:
    """Run the encoder on the features and the decoders on the transcripts, and count expert loads.

    Args:
        model: The model, in evaluation mode.
        batches: At least one batch, on the device of the model.
        chunk_size: Number of encoder frames per chunk; -1 for full context.

    Returns:
        One record for each layer that routes. Experts that several blocks share have a record for
        each block, because each block routes its own frames.

    Raises:
        InputError: The model cannot work in chunks, or needs languages that the batches lack.
    """
    totals: dict[str, LayerUsage] = {}
    for batch in batches:
        routings = run_teacher_forced(model, inputs_of(batch), chunk_size).routings
        for name, routing in routings.items():
            usage = LayerUsage.of(name, routing)
            totals[name] = totals[name].merged(usage) if name in totals else usage
    return list(totals.values())


def inputs_of(batch: Batch) -> Inputs:
    """Return a batch as the arguments of a training pass."""
    return Inputs(batch.feats, batch.feats_lens, batch.tokens, batch.tokens_lens, batch.languages)
