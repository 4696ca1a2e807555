"""Decoding of a whole test set, and measurement of its real-time factor."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from moeasr.bars import Bar
from moeasr.batch_plan import plan_batches
from moeasr.decode.config import ENCODER_SETTINGS, DecodeConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import find_search
from moeasr.logs import get_logger
from moeasr.models.heads.group_head import Identified
from moeasr.plurals import counted

logger = get_logger(__name__)
MAX_LISTED = 10
"""Maximum number of utterances that a warning names."""


@dataclass(frozen=True)
class DecodingRun:
    """The hypotheses of a test set, and the seconds that decoding took."""

    nbest: dict[str, dict[str, list[Hypothesis]]]
    """Mode -> utterance -> hypotheses, best first."""
    audio_sec: float
    """Duration of the test set: number of frames times frame shift."""
    encoder_sec: float
    """Seconds for the encoder and the CTC outputs, which all modes share."""
    search_sec: dict[str, float]
    """Mode -> seconds for its search."""
    identified: Identified = Identified()
    """Frames whose label the model identified, if it has a group head and labels are known."""

    def wall_sec(self, mode: str) -> float:
        """Return the seconds that this mode takes alone: encoder plus its own search."""
        return self.encoder_sec + self.search_sec[mode]

    def real_time_factor(self, mode: str) -> float:
        """Return the seconds of computation per second of audio."""
        return self.wall_sec(mode) / self.audio_sec if self.audio_sec > 0 else 0.0


def decode_test_set(
    recognizer: Recognizer,
    utt_ids: Sequence[bytes],
    num_frames: Sequence[int],
    read_feats: Callable[[int], Tensor],
    modes: Sequence[str],
    config: DecodeConfig,
    batch_frames: int,
    languages: Sequence[int] | None,
) -> DecodingRun:
    """Decode all utterances in all modes. The measured time excludes reading features.

    The first batch is decoded once before measurement starts, because the first calls allocate
    memory and choose kernels.

    Args:
        recognizer: The model.
        utt_ids: (N,) ids of the utterances, in the order of the results.
        num_frames: (N,) number of feature frames of each utterance, used to plan batches.
        read_feats: Index of an utterance -> (T, F).
        modes: Names of `SEARCHES`, or import paths of other searches.
        config: The decoding settings.
        batch_frames: Feature frames per batch, padding included.
        languages: (N,) index in the model's languages or other labels, -1 if it is unknown; None
            for a model without labels.
    """
    found: dict[str, dict[int, list[Hypothesis]]] = {mode: {} for mode in modes}
    encoder_sec, search_sec = 0.0, dict.fromkeys(modes, 0.0)
    num_read, short, counts = 0, [], []
    batches = plan_batches([int(length) for length in num_frames], batch_frames)
    for number, batch in enumerate(_shown(batches)):
        feats = [read_feats(index) for index in batch]
        spoken = None if languages is None else [int(languages[index]) for index in batch]
        if number == 0:
            recognizer.recognize_batch(feats, modes, config, spoken)
        output = recognizer.recognize_batch(feats, modes, config, spoken)
        encoder_sec += output.encoder_sec
        counts.append(output.identified)
        for mode in modes:
            search_sec[mode] += output.search_sec[mode]
            found[mode].update(zip(batch, output.nbest[mode]))
        for index, utt_feats in zip(batch, feats):
            num_read += utt_feats.size(0)
            if recognizer.model.output_len(utt_feats.size(0)) < 1:
                short.append(index)
    if short:
        logger.warning(
            "%s too short for the encoder (empty text): %s%s",
            counted(len(short), "utterance is", "utterances are"),
            " ".join(utt_ids[index].decode() for index in sorted(short)[:MAX_LISTED]),
            " ..." if len(short) > MAX_LISTED else "",
        )
    names = [utt_id.decode() for utt_id in utt_ids]
    nbest = {mode: {utt: found[mode][i] for i, utt in enumerate(names)} for mode in modes}
    audio_sec = num_read * recognizer.fbank.frame_shift_sec
    identified = Identified(*map(sum, zip(*counts)))
    if identified.num_frames:
        logger.info(
            "the labels of %.2f %% of %d frames were identified correctly",
            *(100 * identified.num_correct / identified.num_frames, identified.num_frames),
        )
    return DecodingRun(nbest, audio_sec, encoder_sec, search_sec, identified)


def _shown(batches: Sequence[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Yield the batches with a progress bar that counts utterances."""
    with Bar("decoding", sum(map(len, batches)), "utterances", say=logger.info) as bar:
        for batch in batches:
            yield batch
            bar.advance(len(batch))


def describe(
    run: DecodingRun, mode: str, config: DecodeConfig, recognizer: Recognizer
) -> dict[str, Any]:
    """Return the content of `decode.json` for one mode: settings in use, speed, and the model.

    `commit` is the commit of the code that trained the model. `label_accuracy` is the share of
    frames whose label was identified correctly, for a model with a group head and known labels.
    """
    correct, counted = run.identified
    return {
        **describe_settings(mode, config),
        "rtf": run.real_time_factor(mode),
        "rtf_includes_features": False,
        "audio_sec": run.audio_sec,
        "wall_sec": run.wall_sec(mode),
        "encoder_sec": run.encoder_sec,
        "search_sec": run.search_sec[mode],
        "num_utts": len(run.nbest[mode]),
        **({"label_accuracy": correct / counted, "label_frames": counted} if counted else {}),
        **describe_model(recognizer),
    }


def describe_settings(mode: str, config: DecodeConfig) -> dict[str, Any]:
    """Return all settings by name; settings that this mode does not use are None."""
    read = {*ENCODER_SETTINGS, *find_search(mode).settings}
    values = vars(config) | {"fusion": config.fusion.describe()}
    taken = {name: value if name in read else None for name, value in values.items()}
    return {"mode": mode, **taken}


def describe_model(recognizer: Recognizer) -> dict[str, Any]:
    """Return the device, the size and the training of the model."""
    info, device = recognizer.info, recognizer.device
    params = recognizer.params
    is_cuda = device.type == "cuda"
    return {
        "num_threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if is_cuda else str(device),
        "precision": recognizer.precision,
        "total_params": params.total,
        "active_params": params.active,
        "experts_per_frame": recognizer.experts_per_frame,
        "commit": info.get("commit", "unknown"),
        "config": info.get("config_name", "unknown"),
        "seed": info.get("seed"),
        "averaged_epochs": info.get("averaged_epochs"),
        "train_command": info.get("train_command", "unknown"),
    }
