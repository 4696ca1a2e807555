"""Write the audio and the transcripts of a data directory to shards.

A shard is a tar file with the audio (UTT.wav or UTT.flac) and the transcript (UTT.txt) of many
utterances, as in WeNet. The example writes shards/train_000000000.tar and so on, their names to
shards/train.list, and shards.scp, utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml to
data/train. A repeated call writes only the shards that are missing or whose utterances, audio files
or transcripts have changed.

Called by utils/make_shards.sh.
"""

import argparse
from itertools import chain
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import detail, speaking_as
from moeasr.kaldi.summary import describe_set
from moeasr.limits import count, num_processes, seed
from moeasr.parser import Parser
from moeasr.plurals import counted

EPILOG = """example:
  moeasr make-shards --nj 8 --fbank-config conf/fbank.yaml data/train shards"""


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
    text = "utterances per shard (default: %(default)s)"
    add("--num-utts-per-shard", type=count, default=1000, metavar="N", help=text)
    add(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="seed of the order of utterances (default: %(default)s)",
    )
    add("--script", default="make_shards", help="program name in messages (default: %(default)s)")
    add("data_dir", type=Path, help="data directory with wav.scp, text and utt2spk")
    add("shard_dir", type=Path, help="output directory of the shards")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Write the shards of a data directory."""
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
    # As in make_fbank, because the number of threads affects rounding in resampling.
    torch.set_num_threads(1)
    with speaking_as(args.script) as say:
        config = load_fbank_config(args.fbank_config)
        utterances = find_data_type("raw").open(args.data_dir)
        prefix = args.shard_dir.resolve() / args.data_dir.name  # shards.scp contains absolute paths
        utterances = utterances.with_texts(Table(args.data_dir / "text"))
        maker = ShardMaker(utterances, str(prefix), args.num_utts_per_shard, args.seed)
        # The table is written again when all shards are complete.
        (args.data_dir / "shards.scp").unlink(missing_ok=True)
        shards = in_background(maker.make, range(len(maker)), args.nj if args.nj > 1 else 0)
        made = chain.from_iterable(progress(shards, "making shards", len(maker), "shards"))
        write_shard_tables(args.data_dir, made, config, say)
        maker.finish()
        shards = counted(len(maker), "shard")
        detail(say, f"Succeeded making {shards} of {args.data_dir.name}")
        print(describe_set(args.data_dir, f"stored in {shards}:"), flush=True)


if __name__ == "__main__":
    run(main)
