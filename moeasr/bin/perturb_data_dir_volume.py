"""Change volumes on paper; the work of utils/data/perturb_data_dir_volume.sh."""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.kaldi.speak import speaking_as
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description="Change wav.scp of a data directory so that it yields each recording louder or "
        "softer, by factors that are always the same.",
        epilog="example:\n  moeasr perturb-data-dir-volume data/train",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scale-low", type=float, default=0.125, help="smallest factor")
    parser.add_argument("--scale-high", type=float, default=2.0, help="largest factor")
    parser.add_argument(
        "--reco2vol", type=Path, metavar="FILE", help="`recording factor` lines to use instead"
    )
    parser.add_argument(
        "--write-reco2vol", type=Path, metavar="FILE", help="where to write the factors"
    )
    parser.add_argument("--script", default="perturb_data_dir_volume", help="name to speak under")
    parser.add_argument("data_dir", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Change one directory."""
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
