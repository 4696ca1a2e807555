"""Filter banks of a `wav.scp` (or of its segments) into one archive."""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.limits import seed
from moeasr.parser import Parser

EPILOG = """example:
  python3 -m moeasr.bin.make_fbank --wav-scp data/dev/wav.scp \\
    --ark fbank/raw_fbank_dev.1.ark --scp fbank/raw_fbank_dev.1.scp

Beside x.scp it writes x.utt2num_frames and x.utt2dur (seconds). Utterances that cannot be read are
listed and skipped; the exit status is 1 if none is left.
"""


def get_parser() -> argparse.ArgumentParser:
    """The options of this entry point."""
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--fbank-config", help="YAML of FbankConfig, or Kaldi's .conf; default: 80 bins"
    )
    parser.add_argument("--wav-scp", required=True, help="`id entry` lines; an entry may be a pipe")
    parser.add_argument("--segments", help="`utterance recording start end` lines, seconds")
    parser.add_argument("--ark", required=True, help="archive to write")
    parser.add_argument("--scp", required=True, help="index of the archive to write")
    parser.add_argument("--compress", action="store_true", help="one byte per value, as Kaldi")
    parser.add_argument("--seed", type=seed, default=0, help="of the dither, if there is any")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.audio.command_notice import command_notice
    from moeasr.data.fbank_job import write_fbank
    from moeasr.datadir.utterances import open_utterances
    from moeasr.features.fbank_config import FbankConfig
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.logs import get_logger, setup_logging

    setup_logging()
    torch.set_num_threads(1)  # jobs run side by side; threads within one only get in the way
    config = load_fbank_config(args.fbank_config) if args.fbank_config else FbankConfig()
    utterances = open_utterances(args.wav_scp, args.segments)
    notice = command_notice(args.wav_scp, utterances.entries.items())
    if notice:
        get_logger("make_fbank").info(notice)
    output = (args.ark, args.scp, args.compress)
    write_fbank(utterances, args.wav_scp, config, *output, args.seed).log()


if __name__ == "__main__":
    run(main)
