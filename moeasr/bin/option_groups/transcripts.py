"""Options of transcripts: the audio, and the form and place of the output."""

import argparse
from typing import TYPE_CHECKING

from moeasr.errors import InputError

if TYPE_CHECKING:
    from moeasr.api.engine import TranscribingModel

FORM_NAMES = ("text", "json", "srt", "vtt", "ctm", "textgrid")
"""The forms of `moeasr.report.transcript_forms.FORMS`."""
FORMS_WITH_TIMES = ("srt", "vtt", "ctm", "textgrid")


def add_transcript_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `moeasr transcribe` that do not belong to recognition."""
    add = parser.add_argument
    text = "number of hypotheses to print per file (default: 1)"
    add("--nbest", type=int, metavar="N", help=text)
    text = "words with times and confidence, instead of text"
    add("--timestamps", action="store_true", help=text)
    text = "form of the output (default: %(default)s)"
    add("--format", choices=FORM_NAMES, default="text", help=text)
    text = "file or directory for the output (default: standard output)"
    add("-o", "--output", metavar="FILE|DIR", help=text)
    text = "cut every file at the pauses that silero-vad finds, and skip what is not speech"
    add("--vad", action="store_true", help=text)
    text = "language of all files, required if the model routes by language"
    add("--language", metavar="NAME", help=text)
    text = "audio file, directory, *.scp, *.txt, or - for standard input"
    add("audio", nargs="+", help=text)


def check_transcript_options(
    args: argparse.Namespace, has_ctc: bool, model: "TranscribingModel"
) -> None:
    """Raise `InputError` if options contradict each other or the model.

    Args:
        args: The parsed options.
        has_ctc: True if the model has CTC outputs, which give the times of words.
        model: The model with its decoding mode.
    """
    if args.format != "text" and (args.timestamps or args.nbest is not None):
        option = "--timestamps" if args.timestamps else "--nbest"
        raise InputError(f"{option} is for --format text, but the form is {args.format}")
    if args.timestamps and args.nbest is not None:
        raise InputError("give either --timestamps or --nbest; only the best hypothesis has times")
    if not has_ctc and (args.timestamps or args.format in FORMS_WITH_TIMES):
        option = "--timestamps need" if args.timestamps else f"--format {args.format} needs"
        raise InputError(f"{option} CTC, but this model was trained without it")
    if args.nbest is not None and not 1 <= args.nbest <= model.num_kept:
        raise InputError(
            f"--nbest must be between 1 and {model.num_kept}, the number of hypotheses of "
            f"{model.mode}, but is {args.nbest}"
        )
