"""Convert a model with experts to a dense model.

Each MoE layer becomes one feed-forward, by one of two methods:
  usage_average   mean of the weights of all experts, weighted by their shares of the frames
  most_used       the expert that was chosen for the most frames

The frames of each expert are counted over a data directory. The decoders read its transcripts. If
router weights do not sum to 1 (`expert_weights: full`), the output is scaled by their mean sum.
Prints how much the outputs of the model changed. Experts trained from scratch change a lot.
"""

import argparse

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import count
from moeasr.parser import Parser
from moeasr.plurals import counted

EPILOG = """example:
  moeasr densify --checkpoint exp/u2pp_moe/averaged.pt --data-dir data/dev \\
      --method usage_average --out exp/u2pp_moe/dense.pt"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="trained model with experts")
    add("--out", required=True, metavar="FILE", help="checkpoint to write")
    add(
        "--method",
        choices=("usage_average", "most_used"),
        default="usage_average",
        help="method that makes one feed-forward of several experts, see above "
        "(default: %(default)s)",
    )
    text = (
        "data directory, such as dev, on which the usage of the experts is counted; it needs text, "
        "and features or audio"
    )
    add("--data-dir", required=True, metavar="DIR", help=text)
    text = (
        "number of utterances, the longest ones, on which the outputs of both models are compared "
        "(default: %(default)s)"
    )
    add("--num-utts", type=count, default=8, metavar="N", help=text)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr densify`."""
    args = get_parser().parse_args(argv)
    from itertools import chain, islice

    from moeasr import checkpoint
    from moeasr.convert.densifying import dense_config, densify_into, measure_bank_usage
    from moeasr.convert.output_change import measure_change
    from moeasr.decode.recognizer import Recognizer
    from moeasr.experiment.metadata import converted_metadata
    from moeasr.logs import setup_logging
    from moeasr.models.build import build_model
    from moeasr.report.conversion import change_lines, speech_inputs

    setup_logging()
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    trained = Recognizer.from_checkpoint(args.checkpoint)
    if not trained.model.moe_layers():
        raise InputError(f"{args.checkpoint} has no experts; the model is dense already")
    utterances = speech_inputs(args.data_dir, trained)
    inputs = list(islice(utterances, args.num_utts))
    usage = measure_bank_usage(trained.model, chain(inputs, utterances))
    config = dense_config(trained.model.config)
    dense = build_model(config, trained.fbank.num_mel_bins, trained.tokenizer.vocab_size)
    converted = densify_into(dense, trained.model, usage, args.method)

    origin = {
        "checkpoint": args.checkpoint,
        "method": args.method,
        "data_dir": args.data_dir,
        "info": dict(trained.info),
    }
    metadata = converted_metadata(
        checkpoint.load(args.checkpoint),
        config,
        done=f"densified by {args.method}",
        command=typed_command("densify", argv),
        origin={"densified_from": origin},
    )
    weights = dense.state_dict()  # stays in float32
    change = measure_change(trained.model.double(), dense.double().eval(), inputs)
    checkpoint.save(args.out, {**metadata, "model": weights})
    forms = ("set of experts became a feed-forward", "sets of experts became feed-forwards")
    print(f"{args.out}: {counted(len(converted), *forms)} by {args.method}")
    print("\n".join(change_lines(change, len(inputs), args.data_dir)))


if __name__ == "__main__":
    run(main)
