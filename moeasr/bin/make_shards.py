"""Put the audio and the transcripts of a data directory into shards; see utils/make_shards.sh."""

import argparse
from itertools import chain
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.kaldi.speak import detail, speaking_as
from moeasr.kaldi.summary import describe_set
from moeasr.limits import num_processes, seed
from moeasr.parser import Parser

EPILOG = """example:
  moeasr make-shards --nj 8 --fbank-config conf/fbank.yaml data/train shards

Writes shards/train_000000000.tar ... (members UTT.wav or .flac, and UTT.txt, as WeNet does), a list
of them in shards/train.list, and shards.scp, utt2num_frames, utt2dur, frame_shift and
conf/fbank.yaml to data/train. Run again, it makes the shards that are missing, or whose utterances,
audio files or transcripts have changed."""


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--nj", type=num_processes, default=4, help="processes (%(default)s)")
    add("--fbank-config", required=True, help="YAML of the filter banks, whose frames are counted")
    add("--num-utts-per-shard", type=int, default=1000, metavar="N", help="%(default)s")
    add("--seed", type=seed, default=0, help="seed of the random order of utterances (%(default)s)")
    add("--script", default="make_shards", help="name to speak under")
    add("data_dir", type=Path, help="with wav.scp, perhaps segments, text and utt2spk")
    add("shard_dir", type=Path, help="where the shards are written")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Make the shards of one directory."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.data.background import in_background
    from moeasr.data.data_type import find_data_type
    from moeasr.data.shards.index import write_shard_tables
    from moeasr.data.shards.writer import ShardMaker
    from moeasr.datadir.table import Table
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.logs import progress, setup_logging

    setup_logging()
    torch.set_num_threads(1)  # as for stored features: more would round changed speeds differently
    with speaking_as(args.script) as say:
        if args.num_utts_per_shard < 1:
            raise InputError("--num-utts-per-shard must be at least 1")
        config = load_fbank_config(args.fbank_config)
        utterances = find_data_type("raw").open(args.data_dir)
        prefix = args.shard_dir.resolve() / args.data_dir.name  # shards.scp holds absolute paths
        utterances = utterances.with_texts(Table(args.data_dir / "text"))
        maker = ShardMaker(utterances, str(prefix), args.num_utts_per_shard, args.seed)
        (args.data_dir / "shards.scp").unlink(missing_ok=True)  # until all of them are there
        shards = in_background(maker.make, range(len(maker)), args.nj if args.nj > 1 else 0)
        made = chain.from_iterable(progress(shards, "making shards", len(maker), "shards"))
        write_shard_tables(args.data_dir, made, config, say)
        maker.finish()
        detail(say, f"Succeeded making {len(maker)} shards of {args.data_dir.name}")
        shards = f"{len(maker)} shard{'s' * (len(maker) != 1)}"
        print(describe_set(args.data_dir, f"stored in {shards}:"), flush=True)


if __name__ == "__main__":
    run(main)
