"""Decode audio in place of flac, sph2pipe, sox or ffmpeg.

Data preparation scripts can then call these programs where they are not installed. Reads one audio
file or standard input, and writes 16-bit WAV to standard output. Calls that do more than decode are
refused.

Called by the scripts in utils/decoders/.
"""

import argparse

from moeasr.bin import run
from moeasr.errors import InputError
from moeasr.parser import Parser


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr stand-in sph2pipe -f wav -p -c 1 a.sph > a.wav",
    )
    parser.add_argument("program", help="program to emulate: flac, sph2pipe, sox or ffmpeg")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Decode an audio file."""
    args = get_parser().parse_args(argv)
    import io
    import sys
    from pathlib import Path

    from moeasr.audio.programs import parse_command

    command = [args.program, *args.arguments]
    stage = parse_command(command)
    if stage is None:
        raise InputError(
            f"moeasr cannot run `{' '.join(command)}` without {args.program}; please install "
            f"{args.program}"
        )
    try:
        from moeasr.audio.file import read_audio_bytes
        from moeasr.audio.header import HEAD_BYTES, open_audio
        from moeasr.audio.standard_streams import write_changed
    except ImportError as error:
        raise InputError(f"this python3 has no module {error.name}; source path.sh first") from None

    name = stage.source or "standard input"
    content = sys.stdin.buffer.read() if stage.source is None else Path(name).read_bytes()
    waveform, rate_hz, _ = read_audio_bytes(content, name, stage.channel)
    with open_audio(io.BytesIO(content), content[:HEAD_BYTES], name) as audio:
        if stage.channel is None and audio.channels > 1:
            raise InputError(
                f"{name} has several channels; name one in the command, or install {args.program}"
            )
    write_changed(waveform, rate_hz, stage.effects)


if __name__ == "__main__":
    run(main)
