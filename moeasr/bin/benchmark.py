"""Measure the speed of models on this machine.

Prints the real-time factor of the encoder, the speed of training, and the share of the machine's
peak speed that each model reaches. Models are built from configs with random weights.

All models encode the same random features, as a whole utterance (`full`) and in chunks (`stream`),
in float32, bfloat16 and int8. In every round, each model takes turns with a baseline: the first
config in fp32, or for `stream` the first config that can stream. One model besides the baseline is
in memory at a time. A ratio to the baseline is the median over all rounds, followed by the smallest
and the largest value. Ratios are more reliable than seconds, which depend on the other load of the
machine. MiB is the memory beyond that of the weights.

`of limit` is the shortest possible time divided by the measured time. The shortest possible time is
that of the multiply-adds at the speed of the machine's fastest matrix product, or that of reading
the weights from memory if it is longer (once per utterance, or once per chunk).
"""

import argparse

from moeasr.bin import run
from moeasr.limits import num_processes
from moeasr.parser import Parser
from moeasr.strict_json import write_json

EPILOG = """example:
  moeasr benchmark --config conf/dense.yaml conf/u2pp_moe.yaml --num-threads 1"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add(
        "--config",
        nargs="+",
        required=True,
        metavar="YAML",
        help="configs of experiments; ratios compare each model with the first one",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="A.B=V",
        help="new value V of the key A.B in all configs (repeatable)",
    )
    add(
        "--precisions",
        default="fp32 bf16 int8",
        metavar="LIST",
        help="precisions of the encoder, separated by spaces (default: %(default)s)",
    )
    text = "duration of the utterance (default: %(default)s)"
    add("--utterance-sec", type=float, default=10.0, metavar="SEC", help=text)
    text = "encoder frames per chunk (default: %(default)s)"
    add("--chunk-size", type=int, default=16, metavar="N", help=text)
    text = "left chunks that a frame attends to (default: %(default)s)"
    add("--num-left-chunks", type=int, default=4, metavar="N", help=text)
    add(
        "--vocab-size",
        type=int,
        default=1000,
        metavar="V",
        help="number of output units of the models (default: %(default)s)",
    )
    text = "utterances per training step, 0 for no training (default: %(default)s)"
    add("--train-utts", type=int, default=4, metavar="N", help=text)
    text = "number of rounds in which all models take turns (default: %(default)s)"
    add("--num-rounds", type=int, default=7, metavar="N", help=text)
    text = "number of CPU threads (default: %(default)s)"
    add("--num-threads", type=num_processes, default=1, metavar="N", help=text)
    add("--out", metavar="JSON", help="file for all measurements (default: none)")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr benchmark`."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.experiment.config import load_experiment
    from moeasr.logs import setup_logging
    from moeasr.report.speed_benchmark import Subject, Workload, benchmark, benchmark_lines
    from moeasr.version import describe_commit

    setup_logging()
    torch.set_num_threads(args.num_threads)
    workload = Workload(
        precisions=tuple(args.precisions.split()),
        utterance_sec=args.utterance_sec,
        chunk_size=args.chunk_size,
        num_left_chunks=args.num_left_chunks,
        vocab_size=args.vocab_size,
        train_utts=args.train_utts,
        num_rounds=args.num_rounds,
    )
    subjects = {}
    for path in args.config:
        config = load_experiment(path, args.set)
        subjects[path] = Subject(config.model, config.train.optim)
    result = benchmark(subjects, workload)
    print("\n".join(benchmark_lines(result)))
    if args.out:
        record = {**result, "num_threads": args.num_threads, "commit": describe_commit()}
        write_json(args.out, record)


if __name__ == "__main__":
    run(main)
