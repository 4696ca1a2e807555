#!/usr/bin/env python3
"""Convert utt2spk (lines `utt spk`) to spk2utt (lines `spk utt1 utt2 ...`).

Usage: utt2spk_to_spk2utt.pl [<utt2spk>] > spk2utt

Reads the file or standard input. Speakers and utterances keep the order of their first line.
"""

import sys


def main() -> None:
    """Read utt2spk and print spk2utt."""
    if len(sys.argv) > 2:
        sys.exit("Usage: utt2spk_to_spk2utt.pl [<utt2spk>] > spk2utt")
    name = sys.argv[1] if len(sys.argv) == 2 else "-"
    speakers: dict[bytes, list[bytes]] = {}
    with sys.stdin.buffer if name == "-" else open(name, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if len(fields) != 2:
                shown = line.decode("utf-8", "backslashreplace").rstrip("\n")
                sys.exit(f"Invalid line in utt2spk file: {shown} ({name}, line {number})")
            speakers.setdefault(fields[1], []).append(fields[0])
    for speaker, utts in speakers.items():
        sys.stdout.buffer.write(b" ".join([speaker, *utts]) + b"\n")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        sys.exit(f"utt2spk_to_spk2utt.pl: {error.filename}: {error.strerror}")
