"""Write a data directory for existing shards, such as those of WeNet.

Reads shards, which are uncompressed tar files with a transcript UTT.txt and an audio file UTT.wav
(or .flac, .mp3, .ogg, .opus) for each utterance. The example writes text, utt2spk, spk2utt,
shards.scp, utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml to data/train. Each utterance
becomes its own speaker. The audio is not decoded: durations come from the headers of files.

A shard, and the list of shards, may be a file or an address, such as https://host/1.tar or
s3://bucket/1.tar. Each process copies one shard at a time to a temporary file.
"""

import argparse
from itertools import chain
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.limits import num_processes
from moeasr.parser import Parser

EPILOG = """example:
  moeasr index-shards --fbank-config conf/fbank.yaml data/train data.list"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add(
        "--nj",
        type=num_processes,
        default=4,
        metavar="N",
        help="number of parallel processes (default: %(default)s)",
    )
    text = "filter-bank settings as YAML, which determine the numbers of frames"
    add("--fbank-config", required=True, metavar="FILE", help=text)
    add("data_dir", type=Path, help="data directory to write")
    add("list", help="text file, or its address, with the path or address of one shard per line")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Index the shards in a list."""
    args = get_parser().parse_args(argv)
    from moeasr.data.background import in_background
    from moeasr.data.shards.index import list_shard, read_list, write_data_dir
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.logs import progress, setup_logging

    setup_logging()
    with speaking_as("index_shards") as say:
        config = load_fbank_config(args.fbank_config)
        shards = read_list(args.list)
        parts = in_background(list_shard, shards, args.nj if args.nj > 1 else 0)
        utterances = chain.from_iterable(progress(parts, "reading shards", len(shards), "shards"))
        write_data_dir(args.data_dir, list(utterances), config, say)


if __name__ == "__main__":
    run(main)
