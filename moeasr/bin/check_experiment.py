"""Check a training's config, and the decoding that will follow, before any time is spent on them.

Builds the network without its weights. Prints nothing if all is well.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.bin.train import get_parser as get_train_parser
from moeasr.errors import InputError
from moeasr.parser import Parser

if TYPE_CHECKING:
    from moeasr.experiment.config import ExperimentConfig


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  moeasr check-experiment --modes attention_rescoring --chunk-sizes=-1 "
        "-- \\\n      --config conf/u2pp_moe.yaml --exp-dir exp/u2pp_moe   (moeasr train's)",
    )
    add = parser.add_argument
    add("--modes", default="", help="decoding modes, separated by spaces (default: none)")
    add("--chunk-sizes", default="-1", help="encoder frames, separated by spaces (%(default)s)")
    add("--beam-size", type=int, default=10, help="hypotheses kept (%(default)s)")
    add("train_options", nargs="*", metavar="OPTION", help="behind `--`: those of moeasr train")
    return parser


def require_models(config: "ExperimentConfig", exp_dir: Path) -> None:
    """Raise `InputError` unless the checkpoints that a training begins with are there.

    A training that resumes no longer reads its `init:` section.
    """
    needed = {"distillation.teacher": config.distillation.teacher}
    if not (exp_dir / "last.pt").exists():
        init = config.init
        needed |= {"init.model": init.model, "init.dense": init.dense}
        needed["init.embedding"] = init.embedding
    for key, path in needed.items():
        if path is not None and not Path(path).is_file():
            raise InputError(f"`{key}`: there is no checkpoint {path}")


def main(argv: list[str] | None = None) -> None:
    """Run the checks."""
    args = get_parser().parse_args(argv)
    training = get_train_parser(needs_data=False).parse_args(args.train_options)

    import torch

    from moeasr.decode.config import DecodeConfig
    from moeasr.decode.searches import find_searches
    from moeasr.experiment.config import load_experiment
    from moeasr.models.build import build_model

    config = load_experiment(training.config, training.set)
    with torch.device("meta"):  # shapes without memory; bins and units are not known yet
        model = build_model(config.model, num_mel_bins=80, vocab_size=100)
    require_models(config, Path(training.exp_dir))
    if args.modes:
        find_searches(args.modes.split(), model)
    for chunk_size in map(int, args.chunk_sizes.split()):
        DecodeConfig(chunk_size=chunk_size, beam_size=args.beam_size).resolve(model)


if __name__ == "__main__":
    run(main)
