"""Prepare AN4: `data/{train,dev,test}` in Kaldi's form from the corpus's own lists.

The official test set is kept as it is. The official train set is divided by speaker: every
eleventh speaker, in the order of names, goes to dev whole (women come first in that order, so both
genders are in it), the others are train.

Example:
  python3 local/data_prep.py --download-dir downloads --unpack-dir downloads --data-dir data
"""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from download import obtain
from transcripts import Utterance, read_set, unlisted_audio

from moeasr.bin import run
from moeasr.errors import InputError
from moeasr.logs import get_logger, setup_logging

DEV_EVERY = 11
DEV_FIRST = 6

logger = get_logger("an4")


def dev_speakers(speakers: Iterable[str]) -> set[str]:
    """Every eleventh speaker in the order of names, from the sixth on."""
    return set(sorted(set(speakers))[DEV_FIRST - 1 :: DEV_EVERY])


def write_data_dir(utterances: list[Utterance], directory: Path) -> None:
    """Write `wav.scp text utt2spk spk2utt`, in place of whatever was in `directory`.

    The old directory goes as a whole: features and lists that later stages left in it belong to the
    old utterances.
    """
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    utterances = sorted(utterances, key=lambda utterance: utterance.utt_id)
    utts_of: dict[str, list[str]] = {}
    for utterance in utterances:
        utts_of.setdefault(utterance.speaker, []).append(utterance.utt_id)
    tables = {
        "wav.scp": [f"{utt.utt_id} {utt.audio}" for utt in utterances],
        "text": [f"{utt.utt_id} {utt.words}" for utt in utterances],
        "utt2spk": [f"{utt.utt_id} {utt.speaker}" for utt in utterances],
        "spk2utt": [f"{speaker} {' '.join(utts_of[speaker])}" for speaker in sorted(utts_of)],
    }
    for name, lines in tables.items():
        (unfinished / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.rename(directory)


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--download-dir",
        type=Path,
        required=True,
        help="the an4 tree, or a directory with it or an archive of it; else it is downloaded here",
    )
    parser.add_argument(
        "--unpack-dir", type=Path, required=True, help="where an archive is unpacked"
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="where the sets are written")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and say what is in them."""
    args = get_parser().parse_args(argv)
    setup_logging()
    root = obtain(args.download_dir, args.unpack_dir).resolve()
    official_train, test = read_set(root, "train"), read_set(root, "test")
    ignored = unlisted_audio(root, official_train + test)
    if ignored:
        logger.warning("%d audio files have no transcript, e.g. %s", len(ignored), ignored[0])
    dev_set = dev_speakers(utterance.speaker for utterance in official_train)
    if not dev_set:
        raise InputError(f"{root}: too few training speakers to set some apart as dev set")
    sets = {
        "train": [utt for utt in official_train if utt.speaker not in dev_set],
        "dev": [utt for utt in official_train if utt.speaker in dev_set],
        "test": test,
    }
    for name, utterances in sets.items():
        write_data_dir(utterances, args.data_dir / name)
        num_speakers = len({utterance.speaker for utterance in utterances})
        num_words = sum(len(utterance.words.split()) for utterance in utterances)
        print(f"{name}: {len(utterances)} utterances, {num_speakers} speakers, {num_words} words")


if __name__ == "__main__":
    run(main)
