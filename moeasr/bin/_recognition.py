"""Options that all entry points which recognise speech have in common. Not an entry point."""

import argparse
from typing import TYPE_CHECKING

from moeasr.bin._audio_filter import read_standard_input
from moeasr.limits import num_processes

if TYPE_CHECKING:
    from torch import Tensor

    from moeasr.decode.recognizer import Recognizer
    from moeasr.decode.searches import DecodeConfig


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which model recognises, and where."""
    add = parser.add_argument
    add(
        "--checkpoint",
        required=True,
        metavar="FILE",
        help="the trained model; of a directory, its averaged.pt",
    )
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add(
        "--num-threads",
        type=num_processes,
        metavar="N",
        help="CPU threads (default: torch decides)",
    )
    add("--quantize", choices=("int8", "bf16"), help="linear layers and experts in fewer bits")


def load_recognizer(args: argparse.Namespace) -> "Recognizer":
    """Return the model of `add_model_options`, ready to recognise.

    `args.checkpoint` becomes the file that was read where it was a directory.
    """
    import torch

    from moeasr import checkpoint
    from moeasr.decode.recognizer import Recognizer

    if args.num_threads is not None:
        torch.set_num_threads(args.num_threads)
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    recognizer = Recognizer.from_checkpoint(args.checkpoint, args.device)
    if args.device == "cpu" or args.quantize:
        recognizer.optimize(args.quantize or "fp32")
    return recognizer


def add_audio_argument(parser: argparse.ArgumentParser, nargs: str) -> None:
    """Add the files to recognise."""
    parser.add_argument("audio", nargs=nargs, help="audio files; - is standard input")


def read_waveform(path: str, sample_rate_hz: int) -> "tuple[Tensor, bool]":
    """Return (S,) samples of an audio file, or of standard input for `-`, and a flag.

    The flag is True if the header promises more samples than there are, by a known fault of
    writers.

    Raises:
        InputError: The audio is missing or damaged.
    """
    from moeasr.audio.file import read_audio_file
    from moeasr.audio.recording import resample

    audio = read_standard_input() if path == "-" else read_audio_file(path)
    waveform, _ = resample(audio.samples, audio.rate_hz, sample_rate_hz)
    return waveform, audio.header_overshoots


def add_search_options(parser: argparse.ArgumentParser, chunk_size: int = -1) -> None:
    """The fields of `DecodeConfig`; those of the searches are None unless they are given."""
    add = parser.add_argument
    full = "; -1 for full context" if chunk_size == -1 else ""
    add("--chunk-size", type=int, default=chunk_size, help=f"encoder frames{full} (%(default)s)")
    add(
        "--num-left-chunks",
        type=int,
        default=-1,
        help="chunks of the past seen; -1: all (%(default)s)",
    )
    add("--beam-size", type=int, help="hypotheses kept (10)")
    add("--ctc-weight", type=float, help="CTC score in rescoring and joint decoding (0.5)")
    add("--reverse-weight", type=float, help="right-to-left decoder in rescoring (0.3 if it is)")
    add("--length-penalty", type=float, help="score of each token, attention and joint (0)")
    _add_fusion_options(parser)


def search_config(args: argparse.Namespace) -> tuple["DecodeConfig", list[str]]:
    """The config of `add_search_options`, and the names of those of its fields that were given."""
    from moeasr.decode.fusion.build_fusion import FusionConfig
    from moeasr.decode.searches import DecodeConfig

    names = ("beam_size", "ctc_weight", "reverse_weight", "length_penalty")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    names = ("lm", "lm_weight", "lm_level", "word_bonus", "lm_unk_penalty")
    values = {name: getattr(args, name) for name in (*names, "context", "context_score")}
    fusion = FusionConfig.from_options({k: v for k, v in values.items() if v is not None})
    sizes = {"chunk_size": args.chunk_size, "num_left_chunks": args.num_left_chunks}
    return DecodeConfig(**sizes, **given, fusion=fusion), list(given)


def _add_fusion_options(parser: argparse.ArgumentParser) -> None:
    """The options of `moeasr.decode.fusion.build_fusion.FusionConfig`, where they are explained."""
    group = parser.add_argument_group(
        "language model and boosted phrases",
        "for every beam search; attention_rescoring gets them with its first pass",
    )
    add = group.add_argument
    add("--lm", metavar="FILE", help="n-gram language model, ARPA, perhaps gzipped")
    add("--lm-weight", type=float, metavar="W", help="of its log-probabilities (0.5)")
    add("--lm-level", choices=("word", "unit"), help="what its words are (word)")
    add("--word-bonus", type=float, metavar="B", help="score of each word (0)")
    add("--lm-unk-penalty", type=float, metavar="P", help="of words that it lacks (-10)")
    add("--context", metavar="FILE", help="phrases to boost, one a line, `phrase[TAB score]`")
    add("--context-score", type=float, metavar="S", help="for each unit of a phrase (1.0)")
