"""Show the parameters and the multiply-adds of a model, by part.

One config, or a checkpoint, gives a table of its parts; several configs give a line each. The
encoder reads one utterance under full context, and each decoder scores one hypothesis of it. Matrix
products and convolutions are counted; norms, activations, softmax, filter banks and searches are
not. A router or feed-forward of one's own is counted if it has `macs_per_frame`; else it is named.
"""

import argparse
import shlex
import sys

from moeasr.bin import run
from moeasr.errors import InputError
from moeasr.parser import Parser
from moeasr.strict_json import to_json

MAX_SIZE = 100_000_000
EPILOG = """example:
  python -m moeasr.bin.profile --config conf/u2pp_moe.yaml --out exp/u2pp_moe/cost.json
  python -m moeasr.bin.profile --config conf/dense.yaml conf/shared_moe.yaml"""


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", nargs="+", metavar="YAML", help="experiments, not trained yet")
    what.add_argument("--checkpoint", metavar="FILE", help="a trained model")
    add = parser.add_argument
    add("--set", action="append", default=[], metavar="A.B=V", help="override a key of --config")
    add("--vocab-size", type=int, metavar="V", help="units, with --config (default: 31)")
    add("--num-mel-bins", type=int, metavar="F", help="with --config (default: 80)")
    add("--utterance-sec", type=float, default=10.0, help="its length (default: %(default)s)")
    add("--tokens-per-sec", type=float, default=12.0, help="in the decoders (default: %(default)s)")
    add("--out", metavar="JSON", help="write the costs of one model there too")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
    args = get_parser().parse_args(argv)
    _check(args)

    import torch

    from moeasr import checkpoint
    from moeasr.atomic import atomic_path
    from moeasr.decode.recognizer import Recognizer
    from moeasr.experiment.config import load_experiment
    from moeasr.models.build import build_model
    from moeasr.models.cost import model_cost
    from moeasr.models.part_cost import cost_record
    from moeasr.report.cost_table import model_lines, part_lines, uncounted_lines
    from moeasr.version import describe_commit

    workload = {"utterance_sec": args.utterance_sec, "tokens_per_sec": args.tokens_per_sec}
    if args.checkpoint:
        args.checkpoint = str(checkpoint.find_file(args.checkpoint))
        trained = Recognizer.from_checkpoint(args.checkpoint)
        workload["frames_per_sec"] = 1000 / trained.fbank.frame_shift_ms
        models = {args.checkpoint: trained.model}
    else:
        models = {}
        for path in args.config:
            config = load_experiment(path, args.set).model
            with torch.device("meta"):  # shapes without memory: the largest model takes no time
                models[path] = build_model(config, args.num_mel_bins or 80, args.vocab_size or 31)
    costs = {name: model_cost(model, **workload) for name, model in models.items()}
    print("\n".join(model_lines(costs) if len(costs) > 1 else part_lines(*costs.values())))
    print(
        "M: million; active: used by one frame. MMAC/s: million multiply-adds per second of audio, "
        f"in an\nutterance of {args.utterance_sec:g} s under full context; each decoder scores one "
        f"hypothesis of {args.tokens_per_sec:g} tokens per second."
    )
    for line in uncounted_lines(cost for parts in costs.values() for cost in parts):
        print(line)
    if args.out:
        argv = sys.argv[1:] if argv is None else argv
        ((source, model),) = models.items()
        facts = {
            "source": source,
            "set": args.set,
            "num_mel_bins": model.cmvn.mean.numel(),
            "vocab_size": model.vocab_size,
            **workload,
            "commit": describe_commit(),
            "command": shlex.join(["python3", "-m", "moeasr.bin.profile", *argv]),
        }
        record = {**cost_record(costs[source]), **facts}
        with atomic_path(args.out) as temporary:
            temporary.write_text(to_json(record, indent=1) + "\n", encoding="utf-8")


def _check(args: argparse.Namespace) -> None:
    """Refuse flags that do not go together before anything is loaded.

    Raises:
        InputError: Saying which.
    """
    for name, value, least in (
        ("--vocab-size", args.vocab_size, 4),  # three specials and a unit
        ("--num-mel-bins", args.num_mel_bins, 7),  # what the front end needs
    ):
        if value is not None and args.checkpoint:
            raise InputError(f"{name} goes with --config: a checkpoint has its own")
        if value is not None and value < least:
            raise InputError(f"{name} must be {least} or more, but is {value}")
        if value is not None and value > MAX_SIZE:
            raise InputError(f"{name} must be {MAX_SIZE} or less, but is {value}")
    if args.set and args.checkpoint:
        raise InputError("--set goes with --config: a checkpoint has its own")
    if args.out and args.config and len(args.config) > 1:
        raise InputError("--out takes the costs of one model, but there are several --config")


if __name__ == "__main__":
    run(main)
