"""Print the complete config of an experiment, with all defaults.

The config is merged with the configs that it is based on (`base:`). A training stores the same text
as config.yaml in its experiment directory.
"""

import argparse
import sys

from moeasr.bin import run
from moeasr.parser import Parser

EPILOG = """example:
  moeasr show-config conf/u2pp_moe.yaml
  diff <(moeasr show-config conf/dense.yaml) <(moeasr show-config conf/u2pp_moe.yaml)"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    parser.add_argument("config", metavar="YAML", help="config of the experiment")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=V",
        help="new value V of the key A.B of the config, such as train.max_epochs=20 (repeatable)",
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Print the config."""
    args = get_parser().parse_args(argv)

    from moeasr.config import dump_yaml, to_mapping
    from moeasr.experiment.config import load_experiment

    sys.stdout.write(dump_yaml(to_mapping(load_experiment(args.config, args.set))))


if __name__ == "__main__":
    run(main)
