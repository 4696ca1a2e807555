"""The sizes of the data sets of a training, stored in `data_sets.json` of the experiment."""

from pathlib import Path
from typing import Any

from moeasr.bars import duration
from moeasr.datadir.utterances import Utterances
from moeasr.features.fbank_config import FbankConfig
from moeasr.logs import get_logger
from moeasr.plurals import counted
from moeasr.strict_json import write_json

logger = get_logger("train")
NAME = "data_sets.json"


def write_data_sets(
    exp_dir: Path, train: tuple[str, Utterances], dev: tuple[str, Utterances], fbank: FbankConfig
) -> None:
    """Write the hours of speech of both sets to `data_sets.json`, and to the log.

    Args:
        exp_dir: The directory of the experiment.
        train: The directory of the training set, and its utterances that are used.
        dev: The directory of the development set, and its utterances that are used.
        fbank: The features, whose frames are counted.
    """
    sets = {"train": _describe(*train, fbank), "dev": _describe(*dev, fbank)}
    for name, about in sets.items():
        logger.info(
            "%s: %s of %s, %s of audio",
            *(name, counted(about["num_utts"], "utterance"), about["dir"]),
            duration(3600 * about["hours"]),
        )
    write_json(exp_dir / NAME, sets)


def _describe(data_dir: str, utterances: Utterances, fbank: FbankConfig) -> dict[str, Any]:
    seconds = float(utterances.num_frames.sum()) * fbank.frame_shift_ms / 1000
    return {"dir": data_dir, "num_utts": len(utterances), "hours": round(seconds / 3600, 4)}
