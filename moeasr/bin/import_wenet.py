"""Convert a WeNet model directory to a moeasr checkpoint.

Reads train.yaml, the weights and units.txt; global_cmvn if the weights do not contain it; and the
BPE model and the non-linguistic symbols that train.yaml names, if they are in the directory. In
WeNet 1 and 2, train.yaml does not name the BPE model: give it with --bpe-model, or copy it to the
directory.

Conformers with CTC and one or two Transformer decoders (U2, U2++) can be imported, dense or with
`mlp_type: moe`. For any other model, the error names each part that moeasr lacks, and nothing is
written.
"""

import argparse

from moeasr.bin import run, typed_command
from moeasr.parser import Parser

EPILOG = """example:
  moeasr import-wenet --model-dir exp/u2pp_conformer --checkpoint avg_30.pt --out u2pp.pt
  moeasr transcribe --checkpoint u2pp.pt a.wav"""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("--model-dir", required=True, metavar="DIR", help="WeNet model directory")
    add(
        "--checkpoint",
        default="final.pt",
        metavar="NAME",
        help="weights in this directory, such as avg_30.pt or epoch_12.pt (default: %(default)s)",
    )
    add(
        "--bpe-model",
        metavar="FILE",
        help="sentencepiece model of BPE units (default: the one that train.yaml names, otherwise "
        "the only .model file in the directory)",
    )
    add("--out", required=True, metavar="FILE", help="checkpoint to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr import-wenet`."""
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
        training_set=None,  # WeNet does not store it
        config_path=model_dir.resolve().name,
        overrides=[],
        seed=0,
        command=typed_command("import_wenet", argv),
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
