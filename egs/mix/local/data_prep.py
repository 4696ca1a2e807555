"""Prepare `data/{train,dev,test_<corpus>...}` from several corpora with their own recipes.

Utterance and speaker ids get the name of the corpus as a prefix (an4-fash-...). Transcripts are
converted to upper case, and audio to 16 kHz. utt2lang contains the language of each utterance,
utt2dom its corpus. train and dev contain all corpora, each test set contains one.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data
"""

import argparse
import shutil
import subprocess
from pathlib import Path

from moeasr.bin import run
from moeasr.corpus.preparation import preparation_parser
from moeasr.errors import InputError
from moeasr.logs import get_logger, setup_logging
from moeasr.text_lines import read_lines

CORPORA = ("an4", "speechocean762", "fsdd", "aishell")
SETS = ("train", "dev", "test")
LANGUAGES = {"aishell": "zh"}
"""Languages of the corpora that are not English."""
RATES_HZ = {"fsdd": 8000}
"""Corpora whose sample rate is not `RATE_HZ`."""
RATE_HZ = 16000

logger = get_logger("mix")


def call(*words: str | Path) -> None:
    """Run a program, which prints its own messages.

    Raises:
        InputError: The program failed.
    """
    status = subprocess.run(words, check=False).returncode
    if status:
        raise InputError(f"{words[0]} {words[1]} failed (status {status}); its message is above")


def label(corpus: str, source: Path, target: Path) -> None:
    """Copy a set of one corpus, with the changes and tables that the module's docstring lists."""
    prefixes = ("--spk-prefix", f"{corpus}-", "--utt-prefix", f"{corpus}-")
    shutil.rmtree(target, ignore_errors=True)
    call("utils/copy_data_dir.sh", *prefixes, "--validate-opts", "--no-feats", source, target)
    if corpus in RATES_HZ:
        call("utils/data/resample_data_dir.sh", str(RATE_HZ), target)
    rows = [line.split() for _, line in read_lines(target / "text")]
    write_rows(target / "text", [[utt, *map(str.upper, words)] for utt, *words in rows])
    write_rows(target / "utt2lang", [[utt, LANGUAGES.get(corpus, "en")] for utt, *_ in rows])
    write_rows(target / "utt2dom", [[utt, corpus] for utt, *_ in rows])


def write_rows(path: Path, rows: list[list[str]]) -> None:
    """Write a table, the fields of a row separated by spaces."""
    path.write_text("".join(" ".join(row) + "\n" for row in rows), encoding="utf-8")


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = preparation_parser(
        __doc__, "directory of the corpora or their archives; missing ones are downloaded"
    )
    parser.add_argument(
        "--corpora",
        nargs="+",
        default=CORPORA,
        metavar="RECIPE",
        help=f"recipes beside this one (default: {' '.join(CORPORA)})",
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Prepare every corpus, then join their sets."""
    args = get_parser().parse_args(argv)
    setup_logging()
    corpora = " ".join(args.corpora).split()
    scripts = {corpus: Path("..", corpus, "local/data_prep.py") for corpus in corpora}
    for corpus, script in scripts.items():
        if not script.is_file():
            raise InputError(f"--corpora: there is no recipe {corpus} with local/data_prep.py")
    parts = args.data_dir / "corpora"
    given = ["--download-dir", args.download_dir, "--unpack-dir", args.unpack_dir]
    for corpus, script in scripts.items():
        logger.info("%s", corpus)
        call("python3", script, *given, "--data-dir", parts / corpus, "--nj", str(args.nj))
        for name in SETS:
            label(corpus, parts / corpus / name, parts / f"{name}-{corpus}")
    joined = {name: [parts / f"{name}-{corpus}" for corpus in corpora] for name in ("train", "dev")}
    joined |= {f"test_{corpus}": [parts / f"test-{corpus}"] for corpus in corpora}
    for name, sources in joined.items():
        target = args.data_dir / name
        call("utils/combine_data.sh", "--extra-files", "utt2dom", target, *sources)


if __name__ == "__main__":
    run(main)
