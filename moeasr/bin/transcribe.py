"""Print the text of audio files.

Prints one line per file, `path<TAB>text`. With --nbest N, prints up to N lines per file,
`path<TAB>rank<TAB>confidence<TAB>text`. With --timestamps, prints one line per word,
`path<TAB>start<TAB>end<TAB>confidence<TAB>word`, with times in seconds.

Files may have any sample rate and any number of channels. The formats are those of libsndfile, such
as WAV, FLAC, MP3 and SPHERE. A file that cannot be read is reported on standard error. The other
files are still transcribed, and the exit status is 1.

With --model, an exported model folder runs in onnxruntime, without PyTorch. Its most accurate mode
is attention_rescoring. Joint decoding, language models and phrases require the checkpoint.

Memory grows with the square of the duration of a file, to about 5 GB for 5 minutes with 4 attention
heads. `moeasr stream --num-left-chunks N` transcribes files of any duration.
"""

import argparse
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.bin.option_groups.recognition import (
    add_mode_option,
    add_recognition_options,
    decode_config,
    load_engine,
)
from moeasr.decode.config import DecodeConfig
from moeasr.errors import InputError
from moeasr.parser import Parser

if TYPE_CHECKING:
    from moeasr.api.transcription import Transcription

DEFAULTS = DecodeConfig()


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="examples:\n  moeasr transcribe --checkpoint exp/u2pp_moe/averaged.pt a.wav b.flac\n"
        "  moeasr transcribe --model exp/u2pp_moe/export --quantize int8 a.wav",
    )
    add = parser.add_argument
    add_recognition_options(parser, DEFAULTS, has_folders=True)
    add_mode_option(parser)
    add(
        "--nbest", type=int, metavar="N", help="number of hypotheses to print per file (default: 1)"
    )
    add(
        "--timestamps", action="store_true", help="words with times and confidence, instead of text"
    )
    text = "language of all files, required if the model routes by language"
    add("--language", metavar="NAME", help=text)
    add("audio", nargs="+", help="audio file, or - for standard input")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr transcribe`."""
    args = get_parser().parse_args(argv)

    from moeasr.api.engine import Task
    from moeasr.audio.input_files import InputFiles

    config, given = decode_config(args, DEFAULTS)
    engine = load_engine(args)
    task = Task(mode=args.mode, config=config, given=given, language=args.language)
    transcriber = engine.transcriber(task)
    if args.timestamps:
        if args.nbest is not None:
            raise InputError(
                "give either --timestamps or --nbest; only the best hypothesis has times"
            )
        if not engine.has_ctc:
            raise InputError("--timestamps need CTC, but this model was trained without it")
    if args.nbest is not None:
        _check_nbest(args.nbest, transcriber.mode, transcriber.num_kept)
    files = InputFiles(args.audio, engine.waveform, "transcribe")
    for path, waveform in files:
        try:
            (result,) = transcriber.run([waveform])
            for line in _lines(path, result, args):
                print(f"{path}\t{line}", flush=True)
        except InputError as error:
            files.fail(error)
    files.finish()


def _check_nbest(num_wanted: int, mode: str, num_kept: int) -> None:
    """Raise `InputError` unless the mode keeps the wanted number of hypotheses."""
    if not 1 <= num_wanted <= num_kept:
        raise InputError(
            f"--nbest must be between 1 and {num_kept}, the number of hypotheses of {mode}, "
            f"but is {num_wanted}"
        )


def _lines(path: str, result: "Transcription", args: argparse.Namespace) -> list[str]:
    """Return the lines to print for one file."""
    from moeasr.report.hypothesis_lines import nbest_lines, word_lines

    if args.nbest is not None:
        return nbest_lines(result, args.nbest)
    if not args.timestamps:
        return [result.text]
    if result.text.strip() and not result.words:
        raise InputError(
            f"{path}: there are no times, because the text is too long for CTC to align"
        )
    return word_lines(result)


if __name__ == "__main__":
    run(main)
