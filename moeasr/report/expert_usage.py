"""How a trained model uses its experts on a data set, measured layer by layer."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from moeasr.data.batch import Batch, collate
from moeasr.data.data_type import data_type_of, find_data_type
from moeasr.data.dataset import AsrDataset
from moeasr.data.feature_settings import SETTINGS
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.decode.recognizer import Recognizer, plan_batches
from moeasr.errors import InputError
from moeasr.logs import progress
from moeasr.models.asr import AsrModel
from moeasr.models.teacher_forced import Inputs, run_teacher_forced
from moeasr.moe.stats import LayerUsage


def read_batches(
    recognizer: Recognizer, data_dir: str | Path, batch_frames: int
) -> tuple[int, Iterator[Batch]]:
    """The number of utterances with features and transcript, and all of them in batches.

    Args:
        recognizer: What the features and units must fit, and the device that batches go to.
        data_dir: With `text`, and ready for a data type; `utt2lang`, too, if the model routes by
            language.
        batch_frames: Feature frames per batch, padding included.

    Raises:
        InputError: Nothing can be used, or the features are of another kind than the model knows.
    """
    data_type = data_type_of(data_dir)
    no_limits = LengthLimits(min_frames=0, max_frames=sys.maxsize, max_tokens=sys.maxsize)
    utterances, _ = load_utterances(
        data_dir,
        recognizer.tokenizer,
        recognizer.model.output_len,
        no_limits,
        recognizer.model.languages,
        data_type,
    )
    if not utterances:
        raise InputError(f"{data_dir} has no usable utterance")
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
    """Run encoder and decoders, the decoders given the transcripts, and count who got what.

    Args:
        model: In eval mode.
        batches: At least one, on the model's device.
        chunk_size: Encoder frames; -1 for full context.

    Returns:
        One record for each layer that routes: an expert bank that several blocks share
        has a record for each of them, since each block routes its own frames.

    Raises:
        InputError: The model cannot work in chunks, or wants to know languages that the batches
            do not tell.
    """
    totals: dict[str, LayerUsage] = {}
    for batch in batches:
        routings = run_teacher_forced(model, inputs_of(batch), chunk_size).routings
        for name, routing in routings.items():
            usage = LayerUsage.of(name, routing)
            totals[name] = totals[name].merged(usage) if name in totals else usage
    return list(totals.values())


def inputs_of(batch: Batch) -> Inputs:
    """A batch as the arguments of a pass."""
    return Inputs(batch.feats, batch.feats_lens, batch.tokens, batch.tokens_lens, batch.languages)
