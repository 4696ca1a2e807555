"""Print the complete config of an experiment, with all defaults.

The config is merged with its base configs (`base:`). A training stores the same text as config.yaml
in its experiment directory. For a checkpoint, only the `model:` section is printed, from which the
config of a fine-tuning can be made.
"""

import argparse
import sys

from moeasr.bin import run
from moeasr.parser import Parser

EPILOG = """example:
  moeasr show-config conf/u2pp_moe.yaml
  diff <(moeasr show-config conf/dense.yaml) <(moeasr show-config conf/u2pp_moe.yaml)
  (echo "base: common.yaml"; moeasr show-config exp/x/averaged.pt) > conf/fine_tuning.yaml"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    text = "config of the experiment, or a checkpoint (.pt)"
    parser.add_argument("config", metavar="FILE", help=text)
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

    from moeasr.config import from_mapping, to_mapping
    from moeasr.errors import InputError
    from moeasr.experiment.config import load_experiment
    from moeasr.models.config import ModelConfig
    from moeasr.yaml_text import dump_yaml

    if not args.config.endswith(".pt"):
        sys.stdout.write(dump_yaml(to_mapping(load_experiment(args.config, args.set))))
        return
    if args.set:
        raise InputError("--set changes the config of an experiment, not that of a checkpoint")
    from moeasr import checkpoint

    section = checkpoint.load_with_model(args.config)["config"]["model"]
    config = from_mapping(ModelConfig, section, args.config)
    sys.stdout.write(dump_yaml({"model": to_mapping(config)}))


if __name__ == "__main__":
    run(main)
