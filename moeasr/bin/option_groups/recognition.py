"""Options that the entry points which recognise speech have in common."""

import argparse
from typing import TYPE_CHECKING

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.limits import num_processes
from moeasr.options import add_options, given_options, with_given

if TYPE_CHECKING:
    from moeasr.api.engine import Engine
    from moeasr.decode.recognizer import Recognizer


def add_recognition_options(
    parser: argparse.ArgumentParser, defaults: DecodeConfig, has_folders: bool = False
) -> None:
    """Add the options that choose a model, and one for each field of `DecodeConfig`.

    Args:
        parser: Where they are added.
        defaults: Settings where no option is given.
        has_folders: Also offer `--model` for model folders, instead of `--checkpoint`.
    """
    add = parser.add_argument
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument(
        "--checkpoint", metavar="FILE", help="the trained model; of a directory, its averaged.pt"
    )
    if has_folders:
        models.add_argument(
            "--model", metavar="DIR", help="a model folder of `moeasr export`, run by onnxruntime"
        )
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add(
        "--num-threads",
        type=num_processes,
        metavar="N",
        help="CPU threads (default: the runtime decides)",
    )
    add("--quantize", choices=("int8", "bf16"), help="linear layers and experts in fewer bits")
    add_options(parser, defaults)


def load_recognizer(args: argparse.Namespace) -> "Recognizer":
    """Return the model that the options choose, ready to recognise.

    `args.checkpoint` becomes the file that was read where it was a directory.
    """
    from moeasr import checkpoint
    from moeasr.api.checkpoint_engine import open_recognizer

    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    return open_recognizer(args.checkpoint, args.device, args.quantize, args.num_threads)


def load_engine(args: argparse.Namespace) -> "Engine":
    """Return the model that the options choose, with its runtime."""
    if args.model is not None:
        from moeasr.deploy.folder_engine import open_folder

        return open_folder(args.model, args.device, args.quantize, args.num_threads)
    from moeasr.api.checkpoint_engine import CheckpointEngine

    return CheckpointEngine(load_recognizer(args))


def decode_config(
    args: argparse.Namespace, defaults: DecodeConfig
) -> tuple[DecodeConfig, list[str]]:
    """Return the settings of the options, and the names of the fields that were given.

    Raises:
        InputError: A value is out of range, or has no effect without a file that is not given.
    """
    given = given_options(args, type(defaults))
    FusionConfig.check_given(given.get("fusion", {}))
    return with_given(defaults, given), list(given)
