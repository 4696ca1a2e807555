"""Remove or merge experts of a model, so that it becomes smaller.

--keep-languages keeps only the experts of some languages, for a model with `router: language` or
`router: learned_group`, whose groups may also be accents or other labels. --drop-experts-below
removes experts that are rarely used on a data directory, --merge-experts merges similar ones.
Frames that use none of the removed experts are computed as before.

With one language left, the model no longer needs the language, and can be exported. All layers of
one section of the config keep equally many experts. The pruned checkpoint cannot resume a training;
use it as `init.model` of a new one.
"""

import argparse

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.parser import Parser
from moeasr.plurals import counted

EPILOG = """examples:
  moeasr prune --checkpoint exp/language_moe/averaged.pt --keep-languages en --out en.pt
  moeasr prune --checkpoint exp/u2pp_moe/averaged.pt --data-dir data/dev \\
      --drop-experts-below 0.01 --out small.pt
  moeasr prune --checkpoint exp/u2pp_moe/averaged.pt --data-dir data/dev \\
      --merge-experts 4 --out merged.pt"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(description=__doc__, epilog=EPILOG)
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="trained model with experts")
    add("--out", required=True, metavar="FILE", help="checkpoint to write")
    what = parser.add_mutually_exclusive_group(required=True)
    text = "languages or other labels whose experts remain, separated by spaces or commas"
    what.add_argument("--keep-languages", metavar="LIST", help=text)
    text = "share of the load of a layer, such as 0.01, below which an expert is removed"
    what.add_argument("--drop-experts-below", type=float, metavar="SHARE", help=text)
    text = "number of experts that remain in each layer after similar ones were merged, such as 4"
    what.add_argument("--merge-experts", type=int, metavar="N", help=text)
    text = "data directory, such as dev, with text and features or audio, to count the experts"
    add("--data-dir", metavar="DIR", help=text)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr prune`."""
    args = get_parser().parse_args(argv)
    if (args.keep_languages is None) != (args.data_dir is not None):
        raise InputError("only --drop-experts-below and --merge-experts have, and need, --data-dir")

    from itertools import chain, islice

    from moeasr import checkpoint
    from moeasr.convert.densifying import measure_bank_usage
    from moeasr.convert.merging import check_mergeable, merge_experts, merge_into
    from moeasr.convert.output_change import measure_change
    from moeasr.convert.pruning import check_droppable, drop_rarely_used, keep_labels, prune_into
    from moeasr.decode.recognizer import Recognizer
    from moeasr.experiment.metadata import converted_metadata
    from moeasr.logs import setup_logging
    from moeasr.models.build import build_model, count_params
    from moeasr.report.conversion import change_lines, speech_inputs

    setup_logging()
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    trained = Recognizer.from_checkpoint(args.checkpoint)
    if not trained.model.moe_layers():
        raise InputError(f"{args.checkpoint} has no experts")
    known, pruned_labels = trained.model.config.labels, trained.info.get("pruned_labels")
    fill = prune_into
    if args.keep_languages is not None:
        names = args.keep_languages.replace(",", " ").split()
        plan = keep_labels(trained.model, names)
        dropped = [name for name in known.names if name not in names]
        earlier = [] if pruned_labels is None else pruned_labels["dropped"]
        pruned_labels = {"kind": known.kind, "kept": names, "dropped": [*earlier, *dropped]}
        done = f"pruned to {' '.join(names)}"
    else:
        if args.merge_experts is None:
            check_droppable(trained.model, args.drop_experts_below)
        else:
            check_mergeable(trained.model, args.merge_experts)
        utterances = speech_inputs(args.data_dir, trained)
        compared = list(islice(utterances, 8))
        usage = measure_bank_usage(trained.model, chain(compared, utterances))
        if args.merge_experts is None:
            plan = drop_rarely_used(trained.model, usage, args.drop_experts_below)
            done = f"without experts below {args.drop_experts_below:g}"
        else:
            plan, fill = merge_experts(trained.model, usage, args.merge_experts), merge_into
            done = f"merged to {counted(args.merge_experts, 'expert')}"
    pruned = build_model(plan.config, trained.fbank.num_mel_bins, trained.tokenizer.vocab_size)
    fill(pruned, trained.model, plan)
    metadata = converted_metadata(
        checkpoint.load(args.checkpoint),
        plan.config,
        done=done,
        command=typed_command("prune", argv),
        origin={"pruned_from": {"checkpoint": args.checkpoint, "info": dict(trained.info)}},
    )
    metadata["info"] |= {} if pruned_labels is None else {"pruned_labels": pruned_labels}
    weights, lines = pruned.state_dict(), []  # the weights stay in float32
    if args.data_dir is not None:
        change = measure_change(trained.model.double(), pruned.double().eval(), compared)
        lines = change_lines(change, len(compared), args.data_dir)
    checkpoint.save(args.out, {**metadata, "model": weights})
    before, after = count_params(trained.model).describe(), count_params(pruned).describe()
    layers = zip(trained.model.moe_layers().values(), pruned.moe_layers().values())
    num_changed = sum(a.experts.num_experts != b.experts.num_experts for a, b in layers)
    print(f"{args.out}: {done} in {counted(num_changed, 'layer')}")
    print(f"parameters before: {before}\nparameters after:  {after}")
    for line in lines:
        print(line)


if __name__ == "__main__":
    run(main)
