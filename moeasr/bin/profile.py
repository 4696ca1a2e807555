"""Show the parameters and the multiply-adds of each part of a model.

Prints a table with the parts of one model, or with one line per config if there are several. The
encoder reads one utterance in full context, and each decoder scores one hypothesis of it. Matrix
products and convolutions are counted. Norms, activations, softmax, filter banks and searches are
not. A router or feed-forward of your own is counted if it has `macs_per_frame`, a property.
"""

import argparse

from moeasr.bin import run, typed_command
from moeasr.errors import InputError
from moeasr.limits import num_mel_bins, vocab_size
from moeasr.parser import Parser
from moeasr.strict_json import write_json

EPILOG = """examples:
  moeasr profile --config conf/u2pp_moe.yaml --out cost.json
  moeasr profile --config conf/dense.yaml conf/shared_moe.yaml"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", nargs="+", metavar="YAML", help="configs of experiments")
    what.add_argument("--checkpoint", metavar="FILE", help="trained model, instead of --config")
    add = parser.add_argument
    text = "new value V of the key A.B in all configs (repeatable)"
    add("--set", action="append", default=[], metavar="A.B=V", help=text)
    text = "number of output units of the model; only with --config (default: 31)"
    add("--vocab-size", type=vocab_size, metavar="V", help=text)
    text = "number of mel bins of the features; only with --config (default: 80)"
    add("--num-mel-bins", type=num_mel_bins, metavar="F", help=text)
    text = "duration of the utterance (default: %(default)s)"
    add("--utterance-sec", type=float, default=10.0, metavar="SEC", help=text)
    text = "length of the scored hypothesis, tokens per second of audio (default: %(default)s)"
    add("--tokens-per-sec", type=float, default=12.0, metavar="X", help=text)
    text = "file to which the costs are written; only with a single model (default: none)"
    add("--out", metavar="JSON", help=text)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr profile`."""
    args = get_parser().parse_args(argv)
    _check(args)

    from moeasr import checkpoint
    from moeasr.decode.recognizer import Recognizer
    from moeasr.experiment.config import load_experiment
    from moeasr.models.build import build_model
    from moeasr.models.cost import model_cost
    from moeasr.models.part_cost import cost_record
    from moeasr.models.shapes_only import shapes_only
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
            with shapes_only():
                models[path] = build_model(config, args.num_mel_bins or 80, args.vocab_size or 31)
    costs = {name: model_cost(model, **workload) for name, model in models.items()}
    print("\n".join(model_lines(costs) if len(costs) > 1 else part_lines(*costs.values())))
    print(
        "M: million; active: used by one frame. MMAC/s: million multiply-adds per second of audio, "
        f"in an\nutterance of {args.utterance_sec:g} s under full context; each decoder scores one "
        f"hypothesis of {args.tokens_per_sec:g} tokens/s."
    )
    for line in uncounted_lines(cost for parts in costs.values() for cost in parts):
        print(line)
    if args.out:
        ((source, model),) = models.items()
        facts = {
            "source": source,
            "set": args.set,
            "num_mel_bins": model.cmvn.mean.numel(),
            "vocab_size": model.vocab_size,
            **workload,
            "commit": describe_commit(),
            "command": typed_command("profile", argv),
        }
        record = {**cost_record(costs[source]), **facts}
        write_json(args.out, record)


def _check(args: argparse.Namespace) -> None:
    """Raise `InputError` if options contradict each other or a value is out of range."""
    for name in ("vocab_size", "num_mel_bins"):
        if args.checkpoint and getattr(args, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} requires --config; a checkpoint has its own value")
    if args.set and args.checkpoint:
        raise InputError("--set requires --config; a checkpoint has its own config")
    if args.out and args.config and len(args.config) > 1:
        raise InputError("--out requires a single config, but several are given")


if __name__ == "__main__":
    run(main)
