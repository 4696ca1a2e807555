"""Show how evenly each MoE layer of a model uses its experts.

Runs the encoder, and the decoders on the reference transcripts as in training, and prints for each
layer its load by expert, the coefficient of variation and the dead experts. With --out-dir writes
  expert_usage.json     loads and measures of each layer, for programs
  expert_usage.md       the table, to read
  expert_usage.png      layers x experts as a heat map (with --plot)
"""

import argparse
import shlex
import sys
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import num_processes
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m moeasr.bin.usage --checkpoint exp/u2pp_moe/averaged.pt "
        "--data-dir data/test \\\n      --out-dir exp/u2pp_moe/usage_test --plot",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="the model, and all that belongs to it")
    add("--data-dir", required=True, metavar="DIR", help="with text, and features or audio")
    add("--chunk-size", type=int, default=-1, help="encoder frames; -1 for full context (default)")
    add("--out-dir", metavar="DIR", help="where files are written (default: none are)")
    add("--plot", action="store_true", help="draw a heat map in --out-dir; needs matplotlib")
    add("--batch-frames", type=int, default=12000, help="feature frames per batch (%(default)s)")
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add(
        "--num-threads",
        type=num_processes,
        metavar="N",
        help="CPU threads (default: torch decides)",
    )
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr import checkpoint
    from moeasr.decode.recognizer import Recognizer
    from moeasr.logs import setup_logging
    from moeasr.report.expert_usage import measure_usage, read_batches
    from moeasr.report.heat_map import check_matplotlib
    from moeasr.report.usage_table import LEGEND, usage_lines, write_usage
    from moeasr.version import describe_commit

    setup_logging()
    if args.num_threads is not None:
        torch.set_num_threads(args.num_threads)
    if args.plot:
        if args.out_dir is None:
            raise InputError("`--plot` needs `--out-dir`")
        check_matplotlib()
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    recognizer = Recognizer.from_checkpoint(args.checkpoint, args.device)
    if not recognizer.model.moe_layers():
        raise InputError(f"{args.checkpoint} has no experts")
    num_utts, batches = read_batches(recognizer, args.data_dir, args.batch_frames)
    layers = measure_usage(recognizer.model, batches, args.chunk_size)
    print("\n".join([*usage_lines(layers), "", LEGEND]))
    if args.out_dir is not None:
        argv = sys.argv[1:] if argv is None else argv
        facts = {
            "checkpoint": args.checkpoint,
            "set": Path(args.data_dir).resolve().name,
            "num_utts": num_utts,
            "chunk_size": args.chunk_size,
            "config": recognizer.info.get("config_name", "unknown"),
            "seed": recognizer.info.get("seed"),
            "commit": recognizer.info.get("commit", "unknown"),
            "usage_commit": describe_commit(),
            "device": str(recognizer.device),
            "command": shlex.join(["python3", "-m", "moeasr.bin.usage", *argv]),
        }
        write_usage(layers, facts, args.out_dir, args.plot)


if __name__ == "__main__":
    run(main)
