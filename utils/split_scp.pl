#!/usr/bin/env python3
"""Divide a table into parts of about equal size, by line or without parting a speaker.

Usage: split_scp.pl [--utt2spk=<utt2spk_file>] in.scp out1.scp out2.scp ...
   or: split_scp.pl -j num-jobs job-id [--one-based] [--utt2spk=<utt2spk_file>] in.scp [out.scp]
 ... where 0 <= job-id < num-jobs, or 1 <= job-id <= num-jobs if --one-based.

The division is Kaldi's. Wanted departure: if it cannot be made, no output is written at all.
"""

import sys
from pathlib import Path

USAGE = (__doc__ or "").split("\n\n")[1]


class Arguments:
    """The command line, taken apart."""

    def __init__(self, arguments: list[str]) -> None:
        self.num_jobs = self.job = 0
        self.utt2spk = ""
        first_job = 0
        while arguments and arguments[0].startswith("-") and len(arguments[0]) > 1:
            option = arguments.pop(0)
            if option == "-j" and len(arguments) > 1 and all(map(is_integer, arguments[:2])):
                self.num_jobs, self.job = int(arguments.pop(0)), int(arguments.pop(0))
            elif option == "--one-based":
                first_job = 1
            elif option.startswith("--utt2spk="):
                self.utt2spk = option.removeprefix("--utt2spk=")
            else:
                sys.exit(USAGE)
        self.files = arguments
        self.job -= first_job
        if self.num_jobs and not 0 <= self.job < self.num_jobs:
            sys.exit(
                "split_scp.pl: Invalid job number/index values for "
                f"'-j {self.num_jobs} {self.job + first_job}{' --one-based' * first_job}'"
            )
        if len(arguments) < 2 - bool(self.num_jobs) or (self.num_jobs and len(arguments) > 2):
            sys.exit(USAGE)


def is_integer(text: str) -> bool:
    """Whether a word is an integer."""
    return text.removeprefix("-").isdigit()


def write(name: str, lines: list[bytes]) -> None:
    """Write lines to a file, or to standard output for `-`."""
    data = b"".join(line + b"\n" for line in lines)
    if name == "-":
        sys.stdout.buffer.write(data)
    else:
        Path(name).write_bytes(data)


def main() -> None:
    """Divide one table."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from moeasr.datadir.raw_tables import read_lines, read_map
    from moeasr.errors import InputError
    from moeasr.kaldi.split import split_by_speaker, split_evenly

    arguments = Arguments(sys.argv[1:])
    source, *outputs = arguments.files
    num_parts = arguments.num_jobs or len(outputs)
    try:
        lines = read_lines(source)
        if arguments.utt2spk:
            parts = split_by_speaker(lines, read_map(arguments.utt2spk), num_parts, source)
        else:
            parts = split_evenly(lines, num_parts, source)
    except InputError as error:
        sys.exit(f"split_scp.pl: {error}")
    if arguments.num_jobs:
        write(outputs[0] if outputs else "-", parts[arguments.job])
    else:
        for name, part in zip(outputs, parts):
            write(name, part)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        sys.exit(f"split_scp.pl: {error.filename}: {error.strerror}")
