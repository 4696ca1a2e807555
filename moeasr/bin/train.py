"""Train a model, or resume a training that was stopped.

Reads a config, two data directories, a dictionary and CMVN statistics. Writes checkpoints, logs,
pictures and metrics to the experiment directory. The same command resumes a stopped training
from its last checkpoint, with the same result as without the stop. When it resumes, settings of
batches, dropout, augmentation, SpecAugment and `train:` may be changed, which prints a warning.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.bin.option_groups.processes import add_process_options
from moeasr.limits import seed
from moeasr.parser import Parser

EPILOG = """example:
  moeasr train --config conf/u2pp_moe.yaml --train-dir data/train_sp \\
      --dev-dir data/dev --dict-dir data/lang_char --cmvn data/train_sp/global_cmvn \\
      --exp-dir exp/u2pp_moe --set train.max_epochs=50

With several processes or GPUs:
  moeasr launch --standalone --nproc_per_node 2 -m moeasr.bin.train ..."""


def get_parser(needs_data: bool = True) -> argparse.ArgumentParser:
    """Describe the command line.

    Args:
        needs_data: True if the data, the dictionary and the CMVN statistics are required.
    """
    parser = Parser(
        prog="moeasr train",
        description=__doc__,
        epilog=EPILOG,
    )
    parser.add_argument("--config", required=True, metavar="YAML", help="config of the experiment")
    text = "data directory of the training set"
    parser.add_argument("--train-dir", required=needs_data, metavar="DIR", help=text)
    text = "data directory of the dev set"
    parser.add_argument("--dev-dir", required=needs_data, metavar="DIR", help=text)
    parser.add_argument(
        "--data-type",
        choices=("feats", "raw", "shard"),
        default="feats",
        help="source of features: feats.scp, the audio of wav.scp, or shards.scp (default: "
        "%(default)s)",
    )
    text = "dictionary directory, written by make-dict"
    parser.add_argument("--dict-dir", required=needs_data, metavar="DIR", help=text)
    text = "CMVN statistics, written by compute-cmvn"
    parser.add_argument("--cmvn", required=needs_data, metavar="FILE", help=text)
    text = "experiment directory to write"
    parser.add_argument("--exp-dir", required=True, metavar="DIR", help=text)
    text = "seed of initialisation, batches and augmentation (default: %(default)s)"
    parser.add_argument("--seed", type=seed, default=777, metavar="N", help=text)
    add_process_options(parser)
    text = "make steps with the largest batches, print memory, time and disk space, write no file"
    parser.add_argument("--preflight", action="store_true", help=text)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=V",
        help="new value V of the key A.B of the config, such as train.max_epochs=20 (repeatable)",
    )
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Train or resume a model."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr import distributed
    from moeasr.experiment.training import TrainingInputs, make_preflight, make_trainer
    from moeasr.lock import lock_directory
    from moeasr.logs import setup_logging

    if args.num_threads is not None:
        torch.set_num_threads(args.num_threads)
    device = distributed.find_device(args.device)
    inputs = TrainingInputs(
        config=args.config,
        overrides=args.set,
        train_dir=args.train_dir,
        dev_dir=args.dev_dir,
        data_type=args.data_type,
        dict_dir=args.dict_dir,
        cmvn=args.cmvn,
        exp_dir=args.exp_dir,
        seed=args.seed,
        command=typed_command("train", argv),
    )
    with ExitStack() as stack:
        stack.enter_context(distributed.process_group(device.type, args.timeout_sec))
        is_main = distributed.is_main()
        if args.preflight:
            setup_logging(quiet=not is_main)
            for line in make_preflight(inputs, device).run():
                print(line, flush=True) if is_main else None
            return
        if is_main:
            stack.enter_context(lock_directory(args.exp_dir, "training"))
        setup_logging(Path(args.exp_dir) / "train.log" if is_main else None, quiet=not is_main)
        make_trainer(inputs, device).run()


if __name__ == "__main__":
    run(main)
