"""Measure the speed of models on this machine.

Measured are real-time factors, training, and the distance to the machine's limit.

Untrained models of the configs encode the same made-up features: whole (`full`) and in chunks
(`stream`), in float32, bfloat16 and int8. Each takes turns with a baseline in every round; a ratio
is the median over rounds, with the least and largest: read the ratios, since seconds depend on what
else the machine does. The baseline is the first config in fp32; for `stream`, the first config that
can be streamed. MiB is the memory that the work takes beside the weights. Besides the baseline, one
model is in memory at a time.

`of limit` is the share of what the machine could do: the time that the multiply-adds would take at
its fastest matrix product, or, if longer, that reading the weights from memory would take (once for
a whole utterance, once for each chunk), over the time it took.
"""

import argparse

from moeasr.bin import run
from moeasr.limits import num_processes
from moeasr.parser import Parser
from moeasr.strict_json import to_json

EPILOG = """example:
  moeasr benchmark --config conf/dense.yaml conf/u2pp_moe.yaml --num-threads 1"""


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--config", nargs="+", required=True, metavar="YAML", help="experiments; the first leads")
    add("--set", action="append", default=[], metavar="A.B=V", help="override a key of all configs")
    add("--precisions", default="fp32 bf16 int8", help="of recognition (%(default)s)")
    add("--utterance-sec", type=float, default=10.0, help="its length (%(default)s)")
    add("--chunk-size", type=int, default=16, help="encoder frames per chunk (%(default)s)")
    add("--num-left-chunks", type=int, default=4, help="chunks of the past seen (%(default)s)")
    add("--vocab-size", type=int, default=1000, metavar="V", help="units (%(default)s)")
    add("--train-utts", type=int, default=4, help="utterances in a training step; 0: no training")
    add("--num-rounds", type=int, default=7, help="rounds (%(default)s)")
    add(
        "--num-threads",
        type=num_processes,
        default=1,
        metavar="N",
        help="CPU threads (%(default)s)",
    )
    add("--out", metavar="JSON", help="write all figures there too")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.atomic import atomic_path
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
        with atomic_path(args.out) as temporary:
            temporary.write_text(to_json(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
