"""Convert a checkpoint to a WeNet model directory.

Writes train.yaml, final.pt, units.txt and global_cmvn. WeNet supports Conformers with this config:

  model.encoder: attention: key_position, final_norm: true, subsampling_channels: null
  model.encoder.feed_forward, macaron_feed_forward: same type and size, activation: silu
  conf/fbank.yaml: high_freq_hz: 0.0, snip_edges: true

Experts require `router: top_k` and `expert_weights: selected`, or `one` with one expert per frame.
Models from `moeasr import-wenet` have such a config. For any other model, the error names each part
that WeNet lacks, and nothing is written.
"""

import argparse

from moeasr.bin import run
from moeasr.parser import Parser

EPILOG = """example:
  moeasr export-wenet --checkpoint exp/u2pp_moe/averaged.pt --out-dir exp/u2pp_moe/wenet"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="trained model")
    add("--out-dir", required=True, metavar="DIR", help="WeNet model directory to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr export-wenet`."""
    args = get_parser().parse_args(argv)
    from moeasr import checkpoint
    from moeasr.decode.recognizer import Recognizer
    from moeasr.errors import InputError
    from moeasr.interop.wenet.export_model import write_wenet
    from moeasr.logs import setup_logging

    setup_logging()
    args.checkpoint = str(checkpoint.find_file(args.checkpoint))
    recognizer = Recognizer.from_checkpoint(args.checkpoint)
    try:
        write_wenet(args.out_dir, recognizer.model, recognizer.tokenizer, recognizer.fbank)
    except InputError as error:
        raise InputError(f"{args.checkpoint}: {error}") from None
    print(f"{args.out_dir}: train.yaml, final.pt, units.txt, global_cmvn")


if __name__ == "__main__":
    run(main)
