"""Convert a trained dense model to a model with experts.

Each expert is a copy of the feed-forward that it replaces, and routers are random. If router
weights sum to 1 (`expert_weights: selected`), the outputs stay the same until the model is trained.
Prints how much the outputs changed.
"""

import argparse

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import count, seed
from moeasr.parser import Parser
from moeasr.plurals import counted

EPILOG = """example (experts as wide as the dense feed-forward):
  moeasr upcycle --checkpoint exp/dense/averaged.pt --config conf/u2pp_moe.yaml \\
      --set model.encoder.macaron_feed_forward.hidden_units=384 \\
      --set model.encoder.feed_forward.hidden_units=384 \\
      --set model.decoder.feed_forward.hidden_units=384 \\
      --data-dir data/dev --out exp/dense/upcycled.pt

The training of the result needs the same --set, and --set init.model=exp/dense/upcycled.pt."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG,
    )
    add = parser.add_argument
    text = "trained dense model, whose feed-forwards are copied"
    add("--checkpoint", required=True, metavar="FILE", help=text)
    text = "config of the new model, in which feed-forwards have experts"
    add("--config", required=True, metavar="YAML", help=text)
    text = "new value V of the key A.B of the config (repeatable)"
    add("--set", action="append", default=[], metavar="A.B=V", help=text)
    add("--out", required=True, metavar="FILE", help="checkpoint to write")
    text = (
        "noise added to experts, relative to the standard deviation of each tensor (default: 0.0)"
    )
    add("--noise", type=float, default=0.0, metavar="X", help=text)
    text = "seed of router weights, of --noise and of random features (default: %(default)s)"
    add("--seed", type=seed, default=777, metavar="N", help=text)
    text = (
        "data directory on whose longest utterances both models are compared "
        "(default: random features)"
    )
    add("--data-dir", metavar="DIR", help=text)
    text = "number of utterances on which both models are compared (default: %(default)s)"
    add("--num-utts", type=count, default=8, metavar="N", help=text)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr upcycle`."""
    args = get_parser().parse_args(argv)
    from itertools import islice

    import torch

    from moeasr import checkpoint
    from moeasr.convert.output_change import measure_change
    from moeasr.convert.upcycling import upcycle_into
    from moeasr.decode.recognizer import Recognizer
    from moeasr.experiment.config import load_experiment
    from moeasr.experiment.metadata import checkpoint_metadata, unknown_labels
    from moeasr.logs import setup_logging
    from moeasr.models.build import build_model
    from moeasr.report.conversion import change_lines, random_inputs, speech_inputs
    from moeasr.seed import seed_all

    setup_logging()
    config = load_experiment(args.config, args.set)
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    dense = Recognizer.from_checkpoint(args.checkpoint)
    seed_all(args.seed)
    model = build_model(config.model, dense.fbank.num_mel_bins, dense.tokenizer.vocab_size)
    generator = torch.Generator().manual_seed(args.seed)
    try:
        converted = upcycle_into(model, dense.model, args.noise, generator)
    except InputError as error:
        raise InputError(f"{args.config} and {args.checkpoint}: {error}") from None
    where = f"random features (seed {args.seed}; for real ones, give --data-dir)"
    utterances = random_inputs(model, args.seed)
    if args.data_dir is not None:
        upcycled = Recognizer(model, dense.tokenizer, dense.fbank, dense.info, dense.device)
        where, utterances = args.data_dir, speech_inputs(args.data_dir, upcycled)
    inputs = list(islice(utterances, args.num_utts))

    command = typed_command("upcycle", argv)
    content = checkpoint_metadata(
        config,
        dense.tokenizer,
        dense.fbank,
        training_set=None,  # not trained yet
        config_path=args.config,
        overrides=args.set,
        seed=args.seed,
        command=command,
    )
    origin = {"checkpoint": args.checkpoint, "noise": args.noise, "info": dict(dense.info)}
    content["info"] |= {"upcycled_from": origin, **unknown_labels(dense.info)}
    weights = model.state_dict()  # stays in float32
    change = measure_change(dense.model.double(), model.double().eval(), inputs)
    checkpoint.save(args.out, {**content, "model": weights})
    forms = ("feed-forward became a set of experts", "feed-forwards became sets of experts")
    print(f"{args.out}: {counted(len(converted), *forms)}, noise {args.noise}")
    print("\n".join(change_lines(change, len(inputs), where)))


if __name__ == "__main__":
    run(main)
