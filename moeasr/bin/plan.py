"""Plan the memory, communication, steps and time of a training on many GPUs.

Prints the memory per GPU if every GPU holds the whole model (replicate) and if the GPUs divide it
(shard), the data that a GPU sends in a step, the number of steps, the size of the checkpoints and,
if the speed of a GPU is given, the time. Needs no GPU: activations are measured by short forward
passes on the CPU.

The throughput is the number of seconds of audio on which one GPU trains per second. Measure it in a
short training: train.log contains the duration of the audio and the time of each epoch. Instead,
--tflops computes the throughput from the multiply-adds that `moeasr profile` counts.
"""

import argparse
import math

from moeasr.bin import run
from moeasr.errors import InputError
from moeasr.limits import count, num_mel_bins, vocab_size
from moeasr.parser import Parser
from moeasr.strict_json import to_json

EPILOG = """example:
  moeasr plan --config conf/u2pp_moe.yaml --gpus 64 --hours 10000 --gpu-memory-gb 80 --tflops 100"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--config", required=True, metavar="YAML", help="config of the experiment")
    text = "new value V of the key A.B in the config (repeatable)"
    add("--set", action="append", default=[], metavar="A.B=V", help=text)
    add("--gpus", type=count, required=True, metavar="N", help="number of GPUs")
    text = "audio of an epoch in hours, including copies at other speeds"
    add("--hours", type=float, required=True, metavar="H", help=text)
    text = "memory of a GPU in 10^9 bytes; prints whether the training fits (default: none)"
    add("--gpu-memory-gb", type=float, metavar="GB", help=text)
    speed = parser.add_mutually_exclusive_group()
    text = "seconds of audio on which one GPU trains per second (default: unknown)"
    speed.add_argument("--throughput", type=float, metavar="X", help=text)
    text = "sustained speed of a GPU in 10^12 operations per second (default: unknown)"
    speed.add_argument("--tflops", type=float, metavar="X", help=text)
    text = "mean duration of an utterance (default: %(default)s)"
    add("--utterance-sec", type=float, default=10.0, metavar="SEC", help=text)
    text = "tokens per second of audio (default: %(default)s)"
    add("--tokens-per-sec", type=float, default=12.0, metavar="X", help=text)
    text = "number of output units of the model (default: %(default)s)"
    add("--vocab-size", type=vocab_size, default=5000, metavar="V", help=text)
    text = "number of mel bins of the features (default: %(default)s)"
    add("--num-mel-bins", type=num_mel_bins, default=80, metavar="F", help=text)
    add("--json", action="store_true", help="print the plan as JSON, with all sizes in bytes")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr plan`."""
    args = get_parser().parse_args(argv)
    _check(args)

    from moeasr.experiment.config import load_experiment
    from moeasr.experiment.training_plan import Workload, plan_training
    from moeasr.report.plan_table import plan_lines

    workload = Workload(
        num_gpus=args.gpus,
        hours=args.hours,
        utterance_sec=args.utterance_sec,
        tokens_per_sec=args.tokens_per_sec,
        vocab_size=args.vocab_size,
        num_mel_bins=args.num_mel_bins,
        throughput=args.throughput,
        tflops=args.tflops,
    )
    plan = plan_training(load_experiment(args.config, args.set), workload)
    if args.json:
        print(to_json({"config": args.config, "set": args.set, **plan}, indent=1))
    else:
        print("\n".join(plan_lines(plan, args.gpu_memory_gb)))


def _check(args: argparse.Namespace) -> None:
    """Raise `InputError` if the value of an option is out of range."""
    names = ("hours", "gpu_memory_gb", "throughput", "tflops", "utterance_sec", "tokens_per_sec")
    for name in names:
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')} must be positive, but is {value}")


if __name__ == "__main__":
    run(main)
