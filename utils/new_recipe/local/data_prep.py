"""Prepare `data/{train,dev,test}` in Kaldi's form from a folder of audio and transcripts.

The folder holds `train`, `dev` and `test`, each with audio files, which may be in one directory per
speaker. The transcript of `a.wav` is `a.txt` beside it, or a line `<path of the audio><tab><text>`
in the set's `transcripts.tsv`. An empty transcript means a recording without speech.

Change this file as your corpus needs it: it must give `write_sets` a list of `Utterance` for each
set.

Example:
  python3 local/data_prep.py --download-dir ~/speech --data-dir data
"""

from pathlib import Path

from moeasr.bin import run
from moeasr.corpus.preparation import preparation_parser
from moeasr.datadir.write import Utterance, write_sets
from moeasr.errors import InputError
from moeasr.logs import get_logger, setup_logging
from moeasr.text_lines import read_lines

SETS = ("train", "dev", "test")
SUFFIXES = (".wav", ".flac", ".sph")


def read_set(root: Path) -> list[Utterance]:
    """Return the utterances of one set.

    Args:
        root: Its directory.

    Raises:
        InputError: The set has no audio, or an audio file has no transcript.
    """
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{root}: there is no audio ({' '.join(SUFFIXES)}) in it")
    if (root / "transcripts.tsv").is_file():
        texts, where = read_list(root / "transcripts.tsv"), root / "transcripts.tsv"
    else:
        texts, where = read_beside(root, files), "a .txt beside it"
    untold = [path for path in files if path not in texts]
    if untold:
        raise InputError(
            f"{untold[0]}: there is no transcript of it in {where}{and_others(untold)}"
        )
    silent = [path for path in files if not texts[path]]
    if silent:
        get_logger("data_prep").warning(
            "%s: its transcript is empty: a recording without speech%s",
            silent[0],
            and_others(silent),
        )
    return [as_utterance(root, path, texts[path]) for path in files]


def as_utterance(root: Path, path: Path, text: str) -> Utterance:
    """Return the utterance of one audio file.

    The speaker is the directory of the audio file, and the utterance id begins with the speaker.
    Each audio file directly below `root` has a speaker of its own.
    """
    name = path.relative_to(root)
    utt_id = "-".join(name.with_suffix("").parts)
    speaker = "-".join(name.parent.parts) or utt_id
    return Utterance(utt_id, speaker, text, path)


def read_beside(root: Path, files: list[Path]) -> dict[Path, str]:
    """Return, by audio file, the words of the `.txt` beside it."""
    paths = {path.with_suffix(".txt"): path for path in files}
    found = sorted(root.rglob("*.txt"))
    lost = [path for path in found if path not in paths]
    if lost:
        kinds = " ".join(SUFFIXES)
        get_logger("data_prep").warning(
            "%s: there is no audio (%s) beside it%s", lost[0], kinds, and_others(lost)
        )
    return {paths[path]: read_text(path) for path in found if path in paths}


def read_text(path: Path) -> str:
    """Return the words of all lines of a file; an empty file is an empty transcript."""
    if path.is_file() and not path.stat().st_size:
        return ""
    return " ".join(word for _, line in read_lines(path) for word in line.split())


def and_others(paths: list[Path]) -> str:
    """Return how many further paths there are, with up to ten names, as the end of a sentence."""
    names = ", ".join(path.name for path in paths[1:11])
    return f"; nor for {len(paths) - 1} more ({names})" if names else ""


def read_list(path: Path) -> dict[Path, str]:
    """Return, by audio file, its transcript in a `transcripts.tsv`."""
    texts: dict[Path, str] = {}
    for number, line in read_lines(path):
        name, tab, text = line.lstrip().partition("\t")
        if not tab:
            raise InputError(f"{path}:{number}: not `<audio><tab><text>`: '{line}'")
        audio = path.parent / name
        if not audio.is_file():
            raise InputError(f"{path}:{number}: there is no audio {audio}")
        if audio in texts:
            raise InputError(f"{path}:{number}: {name} is listed twice")
        texts[audio] = " ".join(text.split())
    return texts


def main(argv: list[str] | None = None) -> None:
    """Write the three sets and print their sizes."""
    parser = preparation_parser(__doc__, "the corpus, with train, dev and test in it")
    args = parser.parse_args(argv)
    setup_logging()
    root = args.download_dir.resolve()
    for name in SETS:
        if not (root / name).is_dir():
            raise InputError(f"{root / name}: no such directory; a corpus has {', '.join(SETS)}")
    write_sets({name: read_set(root / name) for name in SETS}, args.data_dir)


if __name__ == "__main__":
    run(main)
