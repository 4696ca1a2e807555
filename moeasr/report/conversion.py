"""Report of the change that a conversion makes to the outputs of a model."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from moeasr.convert.output_change import Change
from moeasr.decode.recognizer import Recognizer
from moeasr.models.asr import AsrModel
from moeasr.models.teacher_forced import Inputs
from moeasr.plurals import counted
from moeasr.report.expert_usage import inputs_of, read_batches

NUM_FRAMES = 200  # length of a random utterance: 2 s
NUM_TOKENS = 12  # length of its random transcript


def speech_inputs(data_dir: str | Path, recognizer: Recognizer) -> Iterator[Inputs]:
    """Yield the utterances of a data directory, one at a time, in descending order of length.

    Args:
        data_dir: A data directory with text, and with features or audio.
        recognizer: The model, whose units and features the data must fit.

    Raises:
        InputError: The units or the features of the directory do not fit the model.
    """
    _, batches = read_batches(recognizer, data_dir, batch_frames=1)
    for batch in batches:
        yield inputs_of(batch)


def random_inputs(model: AsrModel, seed: int) -> Iterator[Inputs]:
    """Yield endless random features whose mean and deviation in each bin are those of training.

    Args:
        model: The model, on the CPU. Its CMVN and units are used.
        seed: Seed of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    num_languages = len(model.languages)
    while True:
        noise = torch.randn(1, NUM_FRAMES, model.cmvn.mean.numel(), generator=generator)
        tokens = torch.randint(1, model.vocab_size, (1, NUM_TOKENS), generator=generator)
        languages = None
        if num_languages:
            languages = torch.randint(num_languages, (1,), generator=generator)
        yield Inputs(
            noise / model.cmvn.istd + model.cmvn.mean,
            torch.tensor([NUM_FRAMES]),
            tokens,
            torch.tensor([NUM_TOKENS]),
            languages,
        )


def change_lines(change: Mapping[str, Change], num_utts: int, where: object) -> list[str]:
    """Return a report of several lines: a headline, then the change of each kind of output.

    Args:
        change: The measured change by kind of output.
        num_utts: Number of utterances that were compared.
        where: Origin of these utterances, for the headline.
    """
    utterances = f"{counted(num_utts, 'utterance')} of {where}"
    lines = [f"change of outputs on {utterances} (absolute difference in float64):"]
    for what, values in change.items():
        lines.append(f"  {what:<22} largest {values.largest:.2e}  mean {values.mean:.2e}")
    return lines
