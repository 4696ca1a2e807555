"""Check the config of a training and the options of its decoding before the training starts.

Builds the network without its weights, and checks that each decoding mode suits it. Prints nothing
if there is no error.

Called by utils/recipe.sh.
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
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr check-experiment --modes attention_rescoring --chunk-sizes=-1 "
        "\\\n      -- --config conf/u2pp_moe.yaml --exp-dir exp/u2pp_moe",
    )
    add = parser.add_argument
    add(
        "--modes",
        default="",
        metavar="LIST",
        help="decoding modes, separated by spaces (default: none)",
    )
    add(
        "--chunk-sizes",
        default="-1",
        metavar="LIST",
        help="chunk sizes in encoder frames, separated by spaces (default: %(default)s)",
    )
    add(
        "--beam-size",
        type=int,
        default=10,
        metavar="N",
        help="number of hypotheses in the beam (default: %(default)s)",
    )
    add("train_options", nargs="*", metavar="OPTION", help="options of moeasr train, after --")
    return parser


def require_models(config: "ExperimentConfig", exp_dir: Path) -> None:
    """Raise `InputError` unless the checkpoints that a training starts from exist.

    A training that resumes does not read its `init:` section.
    """
    from moeasr import checkpoint

    needed = {"distillation.teacher": config.distillation.teacher}
    if not (exp_dir / "last.pt").exists():
        needed |= config.init.checkpoints
    for key, path in needed.items():
        try:
            if path is not None:
                checkpoint.find_file(path)
        except InputError as error:
            raise InputError(f"`{key}`: {error}") from None


def main(argv: list[str] | None = None) -> None:
    """Check a training and its decoding."""
    args = get_parser().parse_args(argv)
    training = get_train_parser(needs_data=False).parse_args(args.train_options)

    from moeasr.data.augmented_features import check_augmentations
    from moeasr.decode.config import DecodeConfig
    from moeasr.decode.searches import find_searches
    from moeasr.experiment.config import load_experiment
    from moeasr.models.build import build_model
    from moeasr.models.shapes_only import shapes_only
    from moeasr.module_names import find_parameters
    from moeasr.train.freezing import Freezing

    config = load_experiment(training.config, training.set)
    with shapes_only():  # the numbers of bins and units are not known yet
        model = build_model(config.model, num_mel_bins=80, vocab_size=100)
    find_parameters(model, config.train.optim.lr_factors, "train.optim.lr_factors")
    if config.adapter is not None:
        config.adapter.attach(model)
    Freezing(model, config.train.freeze)
    require_models(config, Path(training.exp_dir))
    check_augmentations(config.data.augment, training.data_type)
    if args.modes:
        find_searches(args.modes.split(), model)
    for chunk_size in map(int, args.chunk_sizes.split()):
        DecodeConfig(chunk_size=chunk_size, beam_size=args.beam_size).resolve(model)


if __name__ == "__main__":
    run(main)
