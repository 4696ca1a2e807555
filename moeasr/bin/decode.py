"""Recognise a test set in one or more modes, which share one pass of the encoder.

Writes OUT/MODE/ (OUT/MODE_chunkC/ when decoding in chunks of C encoder frames), each of them whole:
  text          best hypotheses
  nbest.jsonl   n-best lists with scores and confidence, the best with times of tokens and words
  ctm           words of the best in time: utterance 1 start duration word confidence (seconds)
  decode.json   settings, real-time factor of encoder and search (not of features), provenance
"""

import argparse
import shlex
import sys
from pathlib import Path

from moeasr.bin import add_fusion_options, fusion_options, run
from moeasr.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m moeasr.bin.decode --checkpoint exp/u2pp_moe/averaged.pt "
        "--data-dir data/test \\\n      --out-dir exp/u2pp_moe/decode_test",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="the model, and all that belongs to it")
    add(
        "--data-dir",
        required=True,
        help="with feats.scp or wav.scp (and utt2lang, by model)",
    )
    add("--out-dir", required=True, metavar="DIR", help="where the modes' directories are written")
    add("--modes", default="attention_rescoring", help="separated by spaces (%(default)s)")
    add("--chunk-size", type=int, default=-1, help="encoder frames; -1 for full context (default)")
    add("--beam-size", type=int, default=10, help="hypotheses kept (%(default)s)")
    add("--ctc-weight", type=float, help="CTC score in rescoring and joint decoding (0.5)")
    add("--reverse-weight", type=float, help="right-to-left decoder in rescoring (0.3 if it is)")
    add("--length-penalty", type=float, help="score of each token, attention and joint (0)")
    add_fusion_options(parser)
    add("--batch-frames", type=int, default=12000, help="feature frames per batch (%(default)s)")
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add("--num-threads", type=int, metavar="N", help="CPU threads (default: torch decides)")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.data.datadir import DataDir
    from moeasr.data.utterances import open_features
    from moeasr.decode.build import DecodeConfig, check_settings, find_searches
    from moeasr.decode.fusion_build import FusionConfig
    from moeasr.decode.recognizer import Recognizer
    from moeasr.decode.results import ModeResult, mode_dir_name, write_mode_dirs
    from moeasr.decode.run import decode_test_set, describe
    from moeasr.experiment import describe_commit
    from moeasr.logs import setup_logging

    setup_logging()
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    modes, options = args.modes.split(), ("ctc_weight", "reverse_weight", "length_penalty")
    given = {name: getattr(args, name) for name in options if getattr(args, name) is not None}
    # Recipes pass a beam size whatever the modes; to a greedy search alone it means nothing.
    fusion = FusionConfig.from_options(fusion_options(args))
    sizes = {"chunk_size": args.chunk_size, "beam_size": args.beam_size}
    config = DecodeConfig(**sizes, **given, fusion=fusion)
    recognizer = Recognizer.from_checkpoint(args.checkpoint, args.device)
    find_searches(modes, recognizer.model)
    check_settings(modes, config, list(given))
    recognizer.load_fusion(config)
    config = config.resolve(recognizer.model)
    data = DataDir(args.data_dir)
    utts = data.feats if data.has("feats.scp") else data.segments or data.wav
    languages = data.language_ids(utts, recognizer.model.config.languages)
    if data.has("feats.scp"):
        recognizer.check_fbank(data.path / "conf" / "fbank.yaml")
    num_frames, read_feats = open_features(data, recognizer.fbank)
    if not num_frames:
        raise InputError(f"{args.data_dir} holds no utterances")
    work = (num_frames, read_feats, modes, config, args.batch_frames, languages)
    done = decode_test_set(recognizer, *work)
    provenance = {
        "set": Path(args.data_dir).resolve().name,
        "checkpoint": args.checkpoint,
        "batch_frames": args.batch_frames,
        "decode_commit": describe_commit(),
        "command": shlex.join(["python3", "-m", "moeasr.bin.decode", *(argv or sys.argv[1:])]),
    }
    results = []
    for mode in modes:
        about = {**describe(done, mode, config, recognizer), **provenance}
        name = mode_dir_name(mode, config.chunk_size)
        results.append(ModeResult(name, done.nbest[mode], about))
        print(f"{mode}: real-time factor {about['rtf']:.4f}")
    write_mode_dirs(args.out_dir, results, recognizer.tokenizer.decode, recognizer.times)


if __name__ == "__main__":
    run(main)
