"""Change the speed of one recording, like sox's `speed`: the pipe of a perturbed wav.scp."""

import argparse
import sys

from moeasr.bin import run


def get_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        description="Read audio, change tempo and pitch together by a factor, and write 16-bit "
        "WAV to standard output.",
        epilog="example:\n  moeasr perturb-speed 1.1 a.flac > a_fast.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("factor", type=float, help="speed, 1 = unchanged, 2 = twice as fast")
    parser.add_argument("audio", help="a file, `command |`, `file.ark:offset`, or - for stdin")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Perturb one recording."""
    args = get_parser().parse_args(argv)
    import io

    import soundfile

    from moeasr.data.audio import read_audio, read_audio_bytes
    from moeasr.features.augment import perturb_speed

    if args.audio == "-":
        waveform, rate_hz = read_audio_bytes(sys.stdin.buffer.read(), "standard input")
    else:
        waveform, rate_hz = read_audio(args.audio, None)
    waveform = perturb_speed(waveform, rate_hz, args.factor)
    buffer = io.BytesIO()  # a WAV header is written last, and a pipe cannot go back
    soundfile.write(buffer, waveform.numpy(), rate_hz, format="WAV", subtype="PCM_16")
    sys.stdout.buffer.write(buffer.getvalue())


if __name__ == "__main__":
    run(main)
