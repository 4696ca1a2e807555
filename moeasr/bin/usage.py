"""Show how evenly each MoE layer of a model uses its experts.

Runs the encoder on a data directory, and the decoders on its transcripts as in training. Prints for
each MoE layer the load of each expert (its share in the assignments of frames to the E experts),
the coefficient of variation (CV) of the loads, and the number of dead experts, which have less than
1 / (4 E) of the load. With --out-dir, writes:
  expert_usage.json     loads and statistics of each layer, for programs
  expert_usage.md       the printed table
  expert_usage.png      heat map of layers and experts (with --plot)
"""

import argparse
from pathlib import Path

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import num_processes
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr usage --checkpoint exp/u2pp_moe/averaged.pt "
        "--data-dir data/test \\\n      --out-dir exp/u2pp_moe/usage_test --plot",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="trained model")
    add(
        "--data-dir",
        required=True,
        metavar="DIR",
        help="data directory on which the usage is counted; it needs text, and features or audio",
    )
    text = "encoder frames per chunk, -1 for full context (default: %(default)s)"
    add("--chunk-size", type=int, default=-1, metavar="N", help=text)
    add("--out-dir", metavar="DIR", help="output directory, see above (default: none)")
    add("--plot", action="store_true", help="heat map in --out-dir; requires matplotlib")
    text = "feature frames per batch (default: %(default)s)"
    add("--batch-frames", type=int, default=12000, metavar="N", help=text)
    add("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    text = "number of CPU threads (default: chosen by PyTorch)"
    add("--num-threads", type=num_processes, metavar="N", help=text)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr usage`."""
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
            raise InputError("--plot requires --out-dir")
        check_matplotlib()
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    recognizer = Recognizer.from_checkpoint(args.checkpoint, args.device)
    if not recognizer.model.moe_layers():
        raise InputError(f"{args.checkpoint} has no experts")
    num_utts, batches = read_batches(recognizer, args.data_dir, args.batch_frames)
    layers = measure_usage(recognizer.model, batches, args.chunk_size)
    shared = [layer.shared_expert for layer in recognizer.model.moe_layers().values()]
    num_shared = sum(expert is not None for expert in shared)
    lines = usage_lines(layers)
    if num_shared > 0:
        lines.append(f"{num_shared} of {len(shared)} layers have a shared expert for all frames")
    print("\n".join([*lines, "", LEGEND]))
    if args.out_dir is not None:
        facts = {
            "checkpoint": args.checkpoint,
            "set": Path(args.data_dir).resolve().name,
            "num_utts": num_utts,
            "chunk_size": args.chunk_size,
            "layers_with_shared_expert": num_shared,
            "config": recognizer.info.get("config_name", "unknown"),
            "seed": recognizer.info.get("seed"),
            "commit": recognizer.info.get("commit", "unknown"),
            "usage_commit": describe_commit(),
            "device": str(recognizer.device),
            "command": typed_command("usage", argv),
        }
        write_usage(layers, facts, args.out_dir, args.plot)


if __name__ == "__main__":
    run(main)
