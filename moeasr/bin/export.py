"""Export a checkpoint to ONNX, for sherpa-onnx and onnxruntime.

Writes a model folder:
  model.onnx, model.int8.onnx          whole recordings (sherpa-onnx: wenet_ctc)
  model.streaming.onnx, ...int8.onnx   live streams with any chunk size (online wenet_ctc)
  model.zipformer.onnx, ...int8.onnx   live streams in batches, also on phones (zipformer2_ctc)
  decoder.onnx                         attention decoders, for rescoring
  graph.fst                            with --lm or --context: decoding graph for sherpa-onnx
  tokens.txt config.yaml README.md     units, settings, model card; also test.wav with test.txt

Compares every file with the checkpoint on a dev set, and prints its size, speed, word error rate
and differences. If a file differs from the checkpoint, no model folder is written.
"""

import argparse
from pathlib import Path

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.decode.fusion.config import FusionConfig
from moeasr.limits import count
from moeasr.options import add_options, given_options, with_given
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr export --checkpoint exp/u2pp_moe --data-dir data/dev "
        "--out exp/u2pp_moe/export",
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        required=True,
        metavar="FILE",
        help="trained model, or an experiment directory with averaged.pt",
    )
    text = (
        "dev set on which the files are compared with the checkpoint; it needs text, and features "
        "or audio"
    )
    add("--data-dir", required=True, metavar="DIR", help=text)
    add("--out", required=True, metavar="DIR", help="model folder to write or replace")
    add(
        "--chunk-size",
        type=int,
        default=16,
        help="encoder frames per chunk of a stream (default: %(default)s)",
    )
    add(
        "--num-left-chunks",
        type=int,
        default=4,
        help="number of past chunks that a frame of a stream sees (default: %(default)s)",
    )
    add(
        "--offline-only", action="store_true", help="write no streaming files (default: write them)"
    )
    add(
        "--max-utts",
        type=count,
        default=200,
        metavar="N",
        help="number of utterances to compare, the first ones of the set (default: %(default)s)",
    )
    add(
        "--max-int8-loss",
        type=float,
        default=0.5,
        metavar="POINTS",
        help="largest accepted WER increase by int8, in percentage points; one more error is "
        "always accepted (default: %(default)s)",
    )
    add(
        "--licence",
        default="unknown",
        help="licence of the model, for its card (default: %(default)s)",
    )
    add_no_commands_option(parser)
    add_options(parser, FusionConfig())
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr export`."""
    args = get_parser().parse_args(argv)
    from moeasr import checkpoint
    from moeasr.decode.recognizer import Recognizer
    from moeasr.deploy.model_folder import ChunkSizes
    from moeasr.deploy.optional_packages import import_optional
    from moeasr.export.checked_export import export_model
    from moeasr.export.dev_set import read_dev_set
    from moeasr.logs import setup_logging

    setup_logging()
    for package in ("onnx", "onnxscript", "onnxruntime"):
        import_optional(package)
    sizes = None
    if not args.offline_only:
        sizes = ChunkSizes(chunk_size=args.chunk_size, num_left_chunks=args.num_left_chunks)
    given = given_options(args, FusionConfig)
    FusionConfig.check_given(given)
    fusion = with_given(FusionConfig(), given)
    recognizer = Recognizer.from_checkpoint(checkpoint.find_file(args.checkpoint))
    dev_set = read_dev_set(args.data_dir, recognizer, args.max_utts)
    limits = (args.max_int8_loss, args.licence)
    reports, graph = export_model(
        recognizer, Path(args.out), sizes, dev_set, *limits, fusion if given else None
    )
    for report in [*reports, *filter(None, [graph])]:
        print(report.line())
    print(f"{args.out}: {args.out}/README.md shows how to run the model")


if __name__ == "__main__":
    run(main)
