"""Print the text of audio files, one `path<TAB>text` line each.

--nbest N: up to N lines each, `path<TAB>rank<TAB>confidence<TAB>text`. --timestamps: a line
for each word, `path<TAB>start<TAB>end<TAB>confidence<TAB>word`, times in seconds.

Any sample rate, any number of channels; WAV, FLAC, SPHERE and whatever else libsndfile reads; `-`
is an audio file on standard input. Without --mode, joint decoding is used if the model can do it. A
file that cannot be read is named on stderr, the others are still transcribed, and the exit status
is 1 then. A model that routes by language needs to be told what is spoken: --language.

--model runs an exported model folder in onnxruntime, without PyTorch. Its most accurate mode is
attention_rescoring; joint decoding, language models and phrases need the checkpoint.

Memory grows with the square of a file's length, to about 5 GB for 5 minutes with 4 attention heads;
`moeasr stream --num-left-chunks N` takes files of any length.
"""

import argparse
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.bin.option_groups.recognition import (
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
    """Describe the command line."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  moeasr transcribe --checkpoint exp/u2pp_moe/averaged.pt a.wav b.flac\n"
        "  moeasr transcribe --model exp/u2pp_moe/export --quantize int8 a.wav",
    )
    add = parser.add_argument
    add_recognition_options(parser, DEFAULTS, has_folders=True)
    add("--mode", help="decoding mode (default: the most accurate one that the model can do)")
    add("--nbest", type=int, metavar="N", help="print the N best hypotheses with their confidence")
    add("--timestamps", action="store_true", help="print words with times and confidence")
    add("--language", metavar="NAME", help="spoken in all files, if the model routes by language")
    add("audio", nargs="+", help="audio files; - is standard input")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)

    from moeasr.api.engine import Task
    from moeasr.audio.input_files import InputFiles

    config, given = decode_config(args, DEFAULTS)
    engine = load_engine(args)
    task = Task(mode=args.mode, config=config, given=given, language=args.language)
    transcriber = engine.transcriber(task)
    if args.timestamps:
        if args.nbest is not None:
            raise InputError("--timestamps are of the best hypothesis alone; leave out --nbest")
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
    """Refuse more hypotheses than the mode keeps."""
    if not 1 <= num_wanted <= num_kept:
        raise InputError(
            f"--nbest must be between 1 and {num_kept}, the hypotheses that {mode} keeps, but is "
            f"{num_wanted}"
        )


def _lines(path: str, result: "Transcription", args: argparse.Namespace) -> list[str]:
    """Return the lines to print for one file."""
    from moeasr.report.hypothesis_lines import nbest_lines, word_lines

    if args.nbest is not None:
        return nbest_lines(result, args.nbest)
    if not args.timestamps:
        return [result.text]
    if result.text.strip() and not result.words:
        raise InputError(f"{path}: no times, since it has more tokens than CTC can align")
    return word_lines(result)


if __name__ == "__main__":
    run(main)
