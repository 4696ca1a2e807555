"""How much a conversion moved a model's outputs: on what it is measured, and how it is shown."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from moeasr.convert.output_change import Change
from moeasr.decode.recognizer import Recognizer
from moeasr.models.asr import AsrModel
from moeasr.models.teacher_forced import Inputs
from moeasr.report.expert_usage import inputs_of, read_batches

NUM_FRAMES = 200  # of a random utterance: 2 s
NUM_TOKENS = 12


def speech_inputs(data_dir: str | Path, recognizer: Recognizer) -> Iterator[Inputs]:
    """The utterances of a data directory, one at a time, the longest first.

    Args:
        data_dir: With feats.scp and text.
        recognizer: Whose units and features they are to be in.

    Raises:
        InputError: The directory cannot be used by this model.
    """
    _, batches = read_batches(recognizer, data_dir, batch_frames=1)
    for batch in batches:
        yield inputs_of(batch)


def random_inputs(model: AsrModel, seed: int) -> Iterator[Inputs]:
    """Endless utterances of noise, with the training set's mean and deviation in each mel bin.

    Args:
        model: On the CPU; its CMVN and units are used.
        seed: The same gives the same utterances.
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


def change_lines(change: Mapping[str, Change], where: str) -> list[str]:
    """The change of each kind of output, a line each.

    Args:
        change: As measured.
        where: On what.
    """
    lines = [f"change of outputs on {where}, computed in float64 (absolute differences):"]
    for what, values in change.items():
        lines.append(f"  {what:<22} largest {values.largest:.2e}  mean {values.mean:.2e}")
    return lines
