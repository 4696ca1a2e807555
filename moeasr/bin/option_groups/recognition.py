"""Options of all entry points that recognise speech."""

import argparse
from typing import TYPE_CHECKING

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.config import FusionConfig
from moeasr.limits import num_processes
from moeasr.options import add_options, given_options, with_given

if TYPE_CHECKING:
    from moeasr.api.engine import Engine
    from moeasr.decode.recognizer import Recognizer

MODES = (
    "ctc_greedy_search",
    "ctc_prefix_beam_search",
    "attention",
    "attention_rescoring",
    "joint_decoding",
)
"""The decoding modes of `SEARCHES`, which is not imported because that is slow."""


def add_mode_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--mode` of a command that uses a single decoding mode."""
    parser.add_argument(
        "--mode",
        help=f"decoding mode: {', '.join(MODES)}, or the import path of a search of your own "
        "(default: the most accurate mode of the model)",
    )


def add_recognition_options(
    parser: argparse.ArgumentParser, defaults: DecodeConfig, has_folders: bool = False
) -> None:
    """Add the options of the model, and one option for each field of `DecodeConfig`.

    Args:
        parser: The parser that receives the options.
        defaults: Settings whose options are not given.
        has_folders: True to offer `--model`, for model folders, as an alternative to
            `--checkpoint`.
    """
    add = parser.add_argument
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="trained model, or an experiment directory with averaged.pt",
    )
    if has_folders:
        models.add_argument(
            "--model", metavar="DIR", help="exported model folder, which runs in onnxruntime"
        )
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    add(
        "--num-threads",
        type=num_processes,
        metavar="N",
        help="number of CPU threads (default: chosen by PyTorch or onnxruntime)",
    )
    text = "precision of linear layers and experts (default: float32)"
    add("--quantize", choices=("int8", "bf16"), help=text)
    text = "number of experts per frame in every MoE layer (default: that of the model's config)"
    add("--experts-per-frame", type=int, metavar="K", help=text)
    add_options(parser, defaults)


def load_recognizer(args: argparse.Namespace) -> "Recognizer":
    """Load the model of the options.

    If `args.checkpoint` is a directory, it is replaced by the file that was read.
    """
    from moeasr import checkpoint
    from moeasr.api.checkpoint_engine import open_recognizer

    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    settings = (args.device, args.quantize, args.num_threads, args.experts_per_frame)
    return open_recognizer(args.checkpoint, *settings)


def load_engine(args: argparse.Namespace) -> "Engine":
    """Load the model of the options, either a checkpoint or a model folder."""
    if args.model is not None:
        from moeasr.deploy.folder_engine import open_folder

        settings = (args.device, args.quantize, args.num_threads, args.experts_per_frame)
        return open_folder(args.model, *settings)
    from moeasr.api.checkpoint_engine import CheckpointEngine

    return CheckpointEngine(load_recognizer(args))


def decode_config(
    args: argparse.Namespace, defaults: DecodeConfig
) -> tuple[DecodeConfig, list[str]]:
    """Return the decoding settings, and the names of the fields whose options were given.

    Raises:
        InputError: A value is out of range, or an option has no effect without another one.
    """
    given = given_options(args, type(defaults))
    FusionConfig.check_given(given.get("fusion", {}))
    return with_given(defaults, given), list(given)
