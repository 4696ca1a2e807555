"""Compute the log mel filter banks of the recordings in a wav.scp, or of their segments.

Writes a Kaldi archive x.ark and its index x.scp, and next to the index x.utt2num_frames and
x.utt2dur (seconds). Utterances that cannot be read are listed and skipped; if none is left,
utils/make_fbank.sh fails when it gathers the archives.

Called by utils/make_fbank.sh.
"""

import argparse

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.limits import seed
from moeasr.parser import Parser

EPILOG = """example:
  moeasr make-fbank --wav-scp data/dev/wav.scp \\
      --ark fbank/raw_fbank_dev.1.ark --scp fbank/raw_fbank_dev.1.scp"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--fbank-config",
        metavar="FILE",
        help="filter-bank settings as YAML, or Kaldi's fbank.conf (default: 80 bins, 16 kHz)",
    )
    parser.add_argument(
        "--wav-scp",
        required=True,
        metavar="FILE",
        help="table of recordings: id, then file or command",
    )
    parser.add_argument(
        "--segments",
        metavar="FILE",
        help="table of utterances: id, recording, start and end in seconds",
    )
    parser.add_argument("--ark", required=True, metavar="FILE", help="output: the archive")
    parser.add_argument(
        "--scp", required=True, metavar="FILE", help="output: the index of the archive (feats.scp)"
    )
    parser.add_argument(
        "--compress", action="store_true", help="Kaldi's compression to one byte per value"
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="seed of the dither (default: %(default)s)",
    )
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr make-fbank`."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.audio.command_notice import command_notice
    from moeasr.data.fbank_job import write_fbank
    from moeasr.datadir.utterances import open_utterances
    from moeasr.features.fbank_config import FbankConfig
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.logs import get_logger, setup_logging

    setup_logging()
    torch.set_num_threads(1)  # several jobs run in parallel, one core each
    config = load_fbank_config(args.fbank_config) if args.fbank_config else FbankConfig()
    utterances = open_utterances(args.wav_scp, args.segments)
    notice = command_notice(args.wav_scp, utterances.entries.items())
    if notice:
        get_logger("make_fbank").info(notice)
    output = (args.ark, args.scp, args.compress)
    write_fbank(utterances, config, *output, args.seed).log()


if __name__ == "__main__":
    run(main)
