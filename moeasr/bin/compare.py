"""Compare trained and scored systems, each with one or more seeds, with a baseline.

Reads ROOT/<system>_seed<seed>/: results.json and the per-utterance details of one decoding mode.
Writes ROOT/COMPARISON.md (to read) and ROOT/comparison.json (for programs): WER and CER with their
spread over seeds, bootstrap intervals over utterances, paired tests against the baseline, sizes,
speed. utils/compare.sh trains and scores the systems, and calls this.
"""

import argparse

from moeasr.bin import run
from moeasr.strict_json import to_json


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="moeasr compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m moeasr.bin.compare --exp-root exp/compare --baseline dense",
    )
    add = parser.add_argument
    add("--exp-root", metavar="ROOT", help="holds the experiments (default: parent of the first)")
    add("--exp-dirs", nargs="+", metavar="DIR", help="only these, in this order (default: all)")
    add("--baseline", default="dense", metavar="SYSTEM", help="compared with (%(default)s)")
    add("--set", default="test", metavar="NAME", help="test set (%(default)s)")
    add("--mode", default="attention_rescoring", help="decoding mode (%(default)s)")
    add("--chunk-size", type=int, default=-1, help="decoding chunk; -1 for full context (default)")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
    args = get_parser().parse_args(argv)

    import dataclasses
    from pathlib import Path

    from moeasr.atomic import atomic_path
    from moeasr.errors import InputError
    from moeasr.score.comparison import compare, comparison_page
    from moeasr.score.scored_experiment import find_experiments, read_experiment

    if not args.exp_root and not args.exp_dirs:
        raise InputError("--exp-root or --exp-dirs is needed")
    root = Path(args.exp_root or Path(args.exp_dirs[0]).parent)
    exp_dirs = args.exp_dirs or find_experiments(root)
    wanted = (args.set, args.mode, args.chunk_size)
    experiments = [read_experiment(exp_dir, *wanted) for exp_dir in exp_dirs]
    if not args.exp_dirs:  # by name, but the baseline first
        experiments.sort(key=lambda experiment: experiment.system != args.baseline)
    results = compare(experiments, args.baseline)
    page = comparison_page(results, experiments, args.baseline)
    content = {
        "set": args.set,
        "mode": args.mode,
        "chunk_size": args.chunk_size,
        "baseline": args.baseline,
        "systems": [dataclasses.asdict(result) for result in results],
        "experiments": [
            {
                "name": experiment.name,
                "training_sec": experiment.training_sec,
                "macs_per_audio_sec": experiment.macs_per_audio_sec,
                "remake_command": experiment.command,
                **experiment.record,
            }
            for experiment in experiments
        ],
    }
    with atomic_path(root / "comparison.json") as temporary:
        temporary.write_text(to_json(content, indent=1) + "\n", encoding="utf-8")
    with atomic_path(root / "COMPARISON.md") as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    run(main)
