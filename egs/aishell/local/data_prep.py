"""Prepare AISHELL-1: `data/{train,dev,test}` in Kaldi's format, with transcripts as characters.

The public archive contains one archive of audio per speaker; these are unpacked, too. The spaces
between words in the transcripts are removed.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data
"""

import argparse
from pathlib import Path

from corpus import AISHELL, NUM_UTTS, RESOURCE, audio_files, read_texts

from moeasr.bin import run
from moeasr.corpus.obtain import obtain
from moeasr.corpus.preparation import preparation_parser, tree_or_archive
from moeasr.datadir.write import Utterance, write_sets
from moeasr.errors import InputError
from moeasr.logs import get_logger, setup_logging
from moeasr.plurals import counted

logger = get_logger("aishell")


def utterances_of(audio: dict[str, Path], texts: dict[str, str]) -> list[Utterance]:
    """Return the recordings that have a transcript; the speaker is the directory of the audio."""
    return [
        Utterance(utt_id, path.parent.name, texts[utt_id], path)
        for utt_id, path in audio.items()
        if utt_id in texts
    ]


def warn_of_unmatched(audio: set[str], texts: set[str]) -> None:
    """Log transcripts without audio and audio without transcripts; the full corpus has both."""
    silent, untold = texts - audio, audio - texts
    if silent:
        what = counted(len(silent), "transcript")
        logger.warning("left out %s without audio, e.g. %s", what, min(silent))
    if untold:
        what = counted(len(untold), "audio file")
        logger.warning("left out %s without transcript, e.g. %s", what, min(untold))


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = preparation_parser(__doc__, tree_or_archive(AISHELL.tree))
    parser.add_argument(
        "--resource",
        action="store_true",
        help="also download resource_aishell (lexicon.txt, speaker.info), which no stage needs",
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and print their sizes."""
    args = get_parser().parse_args(argv)
    setup_logging()
    root = obtain(AISHELL, args.download_dir, args.unpack_dir).resolve()
    if args.resource:
        obtain(RESOURCE, args.download_dir, args.unpack_dir)
    texts = read_texts(root)
    audio = audio_files(root, args.unpack_dir.resolve() / "data_aishell_speakers")
    warn_of_unmatched({utt_id for paths in audio.values() for utt_id in paths}, set(texts))
    sets = {name: utterances_of(paths, texts) for name, paths in audio.items()}
    for name, utterances in sets.items():
        if not utterances:
            raise InputError(f"{root}: no audio in wav/{name} has a transcript")
        if len(utterances) != NUM_UTTS[name]:
            logger.warning(
                "%s has %s; the full corpus has %d",
                *(name, counted(len(utterances), "utterance"), NUM_UTTS[name]),
            )
    write_sets(sets, args.data_dir)


if __name__ == "__main__":
    run(main)
