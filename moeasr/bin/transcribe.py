"""Print or write the text of audio files of any length.

The audio may be files, directories, a table *.scp in the form of Kaldi's wav.scp, or a list *.txt
with a path per line; - is standard input. Files may have any sample rate and any number of
channels. The formats are those of libsndfile, such as WAV, FLAC, MP3 and SPHERE.

Prints one line per file, `path<TAB>text`. With --nbest N, prints up to N lines per file,
`path<TAB>rank<TAB>confidence<TAB>text`. With --timestamps, prints one line per word,
`path<TAB>start<TAB>end<TAB>confidence<TAB>word`, with times in seconds. --format chooses JSON (one
line per file), the subtitles SRT and WebVTT, CTM, or Praat's TextGrid. A file that cannot be read
is reported on standard error. The other files are still transcribed, and the exit status is 1.

A file of more than 30 s is read in blocks and cut at its pauses, which a model that can stream
finds itself; other models need silero-vad (pip install -e '.[vad]' in the checkout). Memory does
not grow with the duration of a file.

With --model, an exported model folder runs in onnxruntime, without PyTorch. Its most accurate mode
is attention_rescoring. Joint decoding and language models require the checkpoint.
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
from moeasr.bin.option_groups.transcripts import add_transcript_options, check_transcript_options
from moeasr.decode.config import DecodeConfig
from moeasr.errors import InputError
from moeasr.parser import Parser

if TYPE_CHECKING:
    from moeasr.api.long_recording import TranscribedRecording

DEFAULTS = DecodeConfig()


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="examples:\n  moeasr transcribe --checkpoint exp/u2pp_moe/averaged.pt a.wav b.flac\n"
        "  moeasr transcribe --model exp/u2pp_moe/export --format srt -o subtitles/ talks/",
    )
    add_recognition_options(parser, DEFAULTS, has_folders=True)
    add_mode_option(parser)
    add_transcript_options(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr transcribe`."""
    args = get_parser().parse_args(argv)

    from moeasr.api.engine import Task
    from moeasr.api.long_recording import WHOLE_SEC, RecordingTranscriber
    from moeasr.audio.input_files import InputFiles
    from moeasr.audio.input_paths import find_input_paths
    from moeasr.report.transcript_output import TranscriptOutput

    config, given = decode_config(args, DEFAULTS)
    paths = find_input_paths(args.audio)
    output = TranscriptOutput(args.format, args.output, paths, args.audio)
    engine = load_engine(args)
    task = Task(mode=args.mode, config=config, given=given, language=args.language)
    whole_sec = WHOLE_SEC if args.max_whole_sec is None else args.max_whole_sec
    model = RecordingTranscriber(engine, task, args.vad, whole_sec)
    check_transcript_options(args, engine.has_ctc, model.transcriber)
    files = InputFiles(paths, "moeasr transcribe")
    with output.opened():
        for path, blocks in files:
            try:
                recording = model.run(blocks, blocks.rate_hz, path.name)
                content = _content(path.name, recording, args)
            except InputError as error:
                files.fail(error)
            else:
                output.write(path, content)
        if not output.num_written:
            files.finish()  # an earlier output stays
    files.finish()


def _content(name: str, recording: "TranscribedRecording", args: argparse.Namespace) -> str:
    """Return the text to write for a recording."""
    from moeasr.report.hypothesis_lines import nbest_lines, word_lines
    from moeasr.report.transcript_forms import FORMS

    if args.nbest is not None:
        if not recording.is_whole:
            raise InputError(
                f"{name}: --nbest is for recordings that are recognised as a whole, but this one "
                "was cut at its pauses"
            )
        lines = nbest_lines(recording.segments[0].result, args.nbest)
        return "".join(f"{name}\t{line}\n" for line in lines)
    form = FORMS[args.format]
    if args.timestamps or form.needs_times:
        for segment in recording.segments:
            if segment.result.text.strip() and not segment.result.words:
                raise InputError(
                    f"{name}: there are no times, because the text between {segment.start:.2f} s "
                    f"and {segment.end:.2f} s is too long for CTC to align"
                )
    if args.timestamps:
        return "".join(f"{name}\t{line}\n" for line in word_lines(recording.words))
    return form.render(name, recording)


if __name__ == "__main__":
    run(main)
