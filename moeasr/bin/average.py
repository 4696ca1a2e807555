"""Average the weights of several epochs into one checkpoint.

Reads the checkpoints epoch_N.pt of an experiment, and writes averaged.pt.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.limits import count
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr average --exp-dir exp/u2pp_moe --num 10",
    )
    parser.add_argument(
        "--exp-dir",
        required=True,
        metavar="DIR",
        help="experiment directory with checkpoints epoch_N.pt",
    )
    parser.add_argument(
        "--num",
        type=count,
        default=10,
        metavar="N",
        help="number of epochs to average (default: %(default)s)",
    )
    parser.add_argument(
        "--mode",
        choices=("best", "last"),
        default="best",
        help="choice of epochs: the best on the dev set, or the last (default: %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="checkpoint to write (default: averaged.pt in --exp-dir)"
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr average`."""
    args = get_parser().parse_args(argv)
    from moeasr import checkpoint
    from moeasr.experiment.metadata import network_of
    from moeasr.logs import setup_logging
    from moeasr.train.averaging import average_checkpoints, choose_epochs, list_epochs

    setup_logging()
    epochs = choose_epochs(list_epochs(args.exp_dir), args.num, args.mode)
    out = Path(args.out) if args.out else Path(args.exp_dir) / "averaged.pt"
    content = average_checkpoints([epoch.path for epoch in epochs], network_of)
    numbers = ", ".join(str(epoch.epoch) for epoch in epochs)
    numbers = f"epochs {numbers}" if len(epochs) > 1 else f"epoch {numbers}"
    if out.exists() and checkpoint.load(out).get("info") == content["info"]:
        # A file that is written again would be newer than its hypotheses, and make them stale.
        print(f"{out}: already the average of the weights of {numbers}, so it is unchanged")
        return
    checkpoint.save(out, content)
    chosen = "the best on dev" if args.mode == "best" else "the latest"
    print(f"{out}: average of the weights of {numbers}, {chosen}")


if __name__ == "__main__":
    run(main)
