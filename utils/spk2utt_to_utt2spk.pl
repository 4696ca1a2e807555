#!/usr/bin/env python3
"""Convert spk2utt (lines `spk utt1 utt2 ...`) to utt2spk (lines `utt spk`).

Usage: spk2utt_to_utt2spk.pl [<spk2utt> ...] > utt2spk

Reads the files or standard input. The order of the input is kept.
"""

import sys


def main() -> None:
    """Read spk2utt files and print utt2spk."""
    for name in sys.argv[1:] or ["-"]:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                speaker, *utts = line.split() or [b""]
                if not utts:
                    shown = line.decode("utf-8", "backslashreplace").rstrip("\n")
                    sys.exit(f"Invalid line in spk2utt file: {shown} ({name}, line {number})")
                sys.stdout.buffer.writelines(utt + b" " + speaker + b"\n" for utt in utts)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        sys.exit(f"spk2utt_to_utt2spk.pl: {error.filename}: {error.strerror}")
