"""Change the volume of each recording of a data directory by a random factor.

The factors are the same in every call. No audio is written: wav.scp is rewritten with commands that
change the volume.

Called by utils/data/perturb_data_dir_volume.sh.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr perturb-data-dir-volume data/train",
    )
    parser.add_argument(
        "--scale-low",
        type=float,
        default=0.125,
        metavar="X",
        help="smallest factor (default: %(default)s)",
    )
    parser.add_argument(
        "--scale-high",
        type=float,
        default=2.0,
        metavar="X",
        help="largest factor (default: %(default)s)",
    )
    parser.add_argument(
        "--reco2vol",
        type=Path,
        metavar="FILE",
        help="table of recordings and the factors to use, instead of random factors",
    )
    parser.add_argument(
        "--write-reco2vol",
        type=Path,
        metavar="FILE",
        help="output: table of recordings and the factors that were used",
    )
    parser.add_argument(
        "--script",
        default="perturb_data_dir_volume",
        help="program name in messages (default: %(default)s)",
    )
    parser.add_argument("data_dir", type=Path, help="data directory to change")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Scale the volume of each recording of a data directory by a random or given factor."""
    args = get_parser().parse_args(argv)
    from moeasr.kaldi.wav_scp import perturb_data_dir_volume

    with speaking_as(args.script) as say:
        perturb_data_dir_volume(
            args.data_dir,
            say,
            args.scale_low,
            args.scale_high,
            args.reco2vol,
            args.write_reco2vol,
        )


if __name__ == "__main__":
    run(main)
