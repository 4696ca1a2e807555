"""Read the durations of the audio of a data directory, without storing features.

Writes utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml. It is an error if more than 5 % of
the utterances cannot be read.

Called by utils/make_raw.sh.
"""

import argparse
from itertools import chain
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.kaldi.speak import detail, speaking_as
from moeasr.kaldi.summary import describe_set
from moeasr.limits import num_processes
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr make-raw --nj 8 --fbank-config conf/fbank.yaml data/train",
    )
    parser.add_argument(
        "--nj",
        type=num_processes,
        default=4,
        metavar="N",
        help="number of parallel processes (default: %(default)s)",
    )
    parser.add_argument(
        "--fbank-config", required=True, metavar="FILE", help="filter-bank settings as YAML"
    )
    parser.add_argument(
        "--script", default="make_raw", help="program name in messages (default: %(default)s)"
    )
    parser.add_argument(
        "data_dir", type=Path, help="data directory with wav.scp, utt2spk and optionally segments"
    )
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Measure the audio of a data directory."""
    args = get_parser().parse_args(argv)
    from moeasr.audio.duration import LengthReader
    from moeasr.audio.recording import is_seekable
    from moeasr.data.background import in_background
    from moeasr.data.data_type import find_data_type
    from moeasr.data.feature_settings import write_settings
    from moeasr.data.length_tables import length_tables
    from moeasr.datadir.full_tables import write_tables
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.logs import progress, setup_logging

    setup_logging()
    with speaking_as(args.script) as say:
        config = load_fbank_config(args.fbank_config)
        utterances = find_data_type("raw").open(args.data_dir)
        entries = utterances.entries.values()
        if utterances.segments is not None and not all(map(is_seekable, entries)):
            say(
                "warning: wav.scp has commands, each of which runs again for every segment that is "
                "read; shards (utils/make_shards.sh) run it only once"
            )
        reader = LengthReader(utterances)
        parts = in_background(reader.read, range(len(reader)), args.nj if args.nj > 1 else 0)
        lengths = chain.from_iterable(progress(parts, "measuring audio", len(reader), "parts"))
        tables, reasons = length_tables(lengths, config, say)
        write_tables(args.data_dir, tables, say, reasons)
        write_settings(args.data_dir, config)
        detail(say, f"Succeeded measuring the audio of {args.data_dir.name}")
        print(describe_set(args.data_dir, "measured"), flush=True)


if __name__ == "__main__":
    run(main)
