"""Print what is said in audio files, one `path<TAB>text` line each.

Any sample rate, any number of channels; WAV, FLAC, SPHERE and whatever else libsndfile reads. A
file that cannot be read is named on stderr, the others are still transcribed, and the exit status
is 1 then. A model that routes by language needs to be told what is spoken: --language.
"""

import argparse
import sys

from moeasr.bin import run
from moeasr.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  moeasr transcribe --checkpoint exp/u2pp_moe/averaged.pt a.wav b.flac",
    )
    add = parser.add_argument
    add("--checkpoint", required=True, metavar="FILE", help="the model, and all that belongs to it")
    add("--mode", default="attention_rescoring", help="decoding mode (%(default)s)")
    add("--chunk-size", type=int, default=-1, help="encoder frames; -1 for full context (default)")
    add("--beam-size", type=int, default=10, help="hypotheses kept (%(default)s)")
    add("--language", metavar="NAME", help="spoken in all files, if the model routes by language")
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add("--num-threads", type=int, metavar="N", help="CPU threads (default: torch decides)")
    add("audio", nargs="+", help="audio files")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.data.audio import read_audio_file, resample
    from moeasr.decode.build import DecodeConfig, find_searches
    from moeasr.decode.recognizer import Recognizer

    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    config = DecodeConfig(chunk_size=args.chunk_size, beam_size=args.beam_size)
    recognizer = Recognizer.from_checkpoint(args.checkpoint, args.device)
    find_searches([args.mode], recognizer.model)
    language = recognizer.language_id(args.language)
    languages = None if language is None else [language]
    num_failed = 0
    for path in args.audio:
        try:
            samples, rate_hz = read_audio_file(path)
        except InputError as error:
            print(f"transcribe: {error}", file=sys.stderr)
            num_failed += 1
            continue
        waveform, _ = resample(samples, rate_hz, recognizer.fbank.sample_rate_hz)
        feats = [recognizer.features(waveform)]
        nbest = recognizer.recognize(feats, [args.mode], config, languages=languages)[args.mode][0]
        text = recognizer.text(nbest[0]) if nbest else ""
        print(f"{path}\t{text}", flush=True)
    if num_failed:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
