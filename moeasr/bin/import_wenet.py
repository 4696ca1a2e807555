"""Turn a WeNet model directory into a moeasr checkpoint.

Read are train.yaml, the weights, units.txt and, unless the weights hold it, global_cmvn; the BPE
model and non-linguistic symbols, if train.yaml names them, by their names within the directory.
WeNet 1 and 2 do not say in train.yaml that units are BPE pieces: give their model with --bpe-model,
or copy it into the directory.
Conformers with CTC and one or two Transformer decoders can be imported (U2, U2++), dense or with
`mlp_type: moe`. A part that has no counterpart here is named, and nothing is written.
"""

import argparse
import shlex
import sys

from moeasr.bin import run
from moeasr.parser import Parser

EPILOG = """example:
  moeasr import-wenet --model-dir exp/u2pp_conformer --checkpoint avg_30.pt --out u2pp.pt
  moeasr transcribe --checkpoint u2pp.pt a.wav"""


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model-dir", required=True, metavar="DIR", help="where WeNet trained")
    add(
        "--checkpoint",
        default="final.pt",
        metavar="NAME",
        help="weights within it, such as avg_30.pt or epoch_12.pt (%(default)s)",
    )
    add(
        "--bpe-model",
        metavar="FILE",
        help="sentencepiece model of BPE units (default: the one that train.yaml names, else the "
        "only .model file in the directory)",
    )
    add("--out", required=True, metavar="FILE", help="checkpoint to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
    args = get_parser().parse_args(argv)
    from pathlib import Path

    from moeasr import checkpoint
    from moeasr.experiment.config import ExperimentConfig
    from moeasr.experiment.metadata import checkpoint_metadata
    from moeasr.interop.wenet.import_model import read_wenet
    from moeasr.logs import setup_logging
    from moeasr.models.build import count_params

    setup_logging()
    imported = read_wenet(args.model_dir, args.checkpoint, args.bpe_model)
    model_dir = Path(args.model_dir)
    content = checkpoint_metadata(
        ExperimentConfig(model=imported.model.config),
        imported.tokenizer,
        imported.fbank,
        training_set="",  # nobody here knows it
        config_path=model_dir.resolve().name,
        overrides=[],
        seed=0,
        command=shlex.join(["python3", "-m", "moeasr.bin.import_wenet", *(argv or sys.argv[1:])]),
    )
    content["info"]["imported_from"] = {
        "toolkit": "WeNet",
        "model_dir": args.model_dir,
        "checkpoint": args.checkpoint,
    }
    checkpoint.save(args.out, {**content, "model": imported.model.state_dict()})
    params = count_params(imported.model)
    print(
        f"{args.out}: {params.total / 1e6:.1f} M parameters ({params.active / 1e6:.1f} M per "
        f"frame), {imported.tokenizer.vocab_size} units"
    )


if __name__ == "__main__":
    run(main)
