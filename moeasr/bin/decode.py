"""Recognise a test set in one or more decoding modes.

Reads a checkpoint and a data directory. The encoder runs once for all modes. Writes for each mode
the directory OUT/MODE, or OUT/MODE_chunkC when decoding in chunks of C encoder frames, with:
  text          best hypothesis of each utterance
  nbest.jsonl   n-best lists with scores and confidence, and time stamps of the best hypothesis
  ctm           words of the best hypotheses: utterance 1 start duration word confidence (seconds)
  decode.json   settings, commit, command, and real-time factor of encoder and search
"""

import argparse
from pathlib import Path

from moeasr.bin import run, typed_command
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.bin.option_groups.recognition import (
    MODES,
    add_recognition_options,
    decode_config,
    load_recognizer,
)
from moeasr.decode.config import DecodeConfig
from moeasr.parser import Parser

DEFAULTS = DecodeConfig()


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr decode --checkpoint exp/u2pp_moe/averaged.pt "
        "--data-dir data/test \\\n      --out-dir exp/u2pp_moe/decode_test",
    )
    add = parser.add_argument
    add_recognition_options(parser, DEFAULTS)
    add(
        "--data-dir",
        required=True,
        metavar="DIR",
        help="data directory with feats.scp, wav.scp or shards.scp; with utt2lang if the model "
        "routes by language",
    )
    add(
        "--data-type",
        choices=("feats", "raw", "shard"),
        help="source of features: feats.scp, the audio of wav.scp, or shards.scp (default: feats "
        "if there is a feats.scp, shard if there is a shards.scp, otherwise raw)",
    )
    add("--out-dir", required=True, metavar="OUT", help="output directory, see above")
    add(
        "--modes",
        default="attention_rescoring",
        metavar="LIST",
        help=f"decoding modes, separated by spaces: {', '.join(MODES)}, or the import path of a "
        "search of your own (default: %(default)s)",
    )
    text = "feature frames per batch (default: %(default)s)"
    add("--batch-frames", type=int, default=12000, metavar="N", help=text)
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr decode`."""
    args = get_parser().parse_args(argv)

    from moeasr.data.data_type import data_type_of, find_data_type
    from moeasr.data.feature_settings import SETTINGS
    from moeasr.data.recognition_features import recognition_features
    from moeasr.decode.mode_dir import ModeResult, mode_dir_name, write_mode_dirs
    from moeasr.decode.searches import check_settings, find_searches
    from moeasr.decode.test_set import decode_test_set, describe
    from moeasr.logs import setup_logging
    from moeasr.version import describe_commit

    setup_logging()
    modes = args.modes.split()
    config, given = decode_config(args, DEFAULTS)
    recognizer = load_recognizer(args)
    find_searches(modes, recognizer.model)
    # Recipes always pass a beam size, although it has no effect in greedy search.
    check_settings(modes, config, [name for name in given if name != "beam_size"])
    recognizer.load_fusion(config)
    config = config.resolve(recognizer.model)
    data_type = args.data_type or data_type_of(args.data_dir)
    utterances = find_data_type(data_type).open(args.data_dir, recognizer.labels)
    if data_type == "feats":
        recognizer.check_fbank(Path(args.data_dir) / SETTINGS)
    features = recognition_features(args.data_dir, utterances, data_type, recognizer.fbank)
    work = (modes, config, args.batch_frames, utterances.languages)
    done = decode_test_set(recognizer, utterances.utt_ids, *features, *work)
    provenance = {
        "set": Path(args.data_dir).resolve().name,
        "checkpoint": args.checkpoint,
        "data_dir": args.data_dir,
        "batch_frames": args.batch_frames,
        "decode_commit": describe_commit(),
        "command": typed_command("decode", argv),
    }
    results = []
    for mode in modes:
        about = {**describe(done, mode, config, recognizer), **provenance}
        name = mode_dir_name(mode, config.chunk_size)
        results.append(ModeResult(name, done.nbest[mode], about))
    write_mode_dirs(args.out_dir, results, recognizer.tokenizer.decode, recognizer.times)
    for result in results:
        speed = f"{result.description['rtf']:.4f} s of computing per second of audio"
        print(f"{args.out_dir}/{result.name}: {speed}")


if __name__ == "__main__":
    run(main)
