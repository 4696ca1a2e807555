"""Made-up corpora in the public layouts of the recipes' real ones: a few utterances of noise."""

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile

FORMATS = {".sph": "NIST", ".wav": "WAV", ".flac": "FLAC"}


def write_audio(path: Path, seconds: float = 1.0, rate_hz: int = 16000) -> None:
    """Write noise that depends only on the name of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(path.name.encode()))
    samples = noise.normal(0.0, 1000.0, round(seconds * rate_hz)).astype(np.int16)
    file_format = FORMATS[path.suffix.lower()]
    soundfile.write(path, samples, rate_hz, format=file_format, subtype="PCM_16")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file, and create its directory if it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    """Spoil a file: replace its first `old`, which must exist, by `new`."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def read_table(path: Path) -> dict[str, str]:
    """A table of a data directory, which must be sorted."""
    pairs = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
    return dict(pairs)


AN4_SPEAKERS = [f"f{letter}aa" for letter in "abcdef"] + [f"m{letter}bb" for letter in "abcdefgh"]
"""Training speakers, of whom the sixth alone is in dev."""


def an4(directory: Path) -> Path:
    """An AN4 tree: 14 training speakers with two utterances each, and one test speaker."""
    root = directory / "an4"
    names = [f"{prompt}-{speaker}-b" for speaker in AN4_SPEAKERS for prompt in ("an1", "cen2")]
    ids = [f"an4_clstk/{name.split('-')[1]}/{name}" for name in names]
    write_lines(root / "etc/an4_train.fileids", ids)
    write_lines(root / "etc/an4_train.transcription", [f"<s> GO  A B </s> ({n})" for n in names])
    tests = {"an9-menk-b": "YES", "cen9-menk-b": "E X"}
    write_lines(root / "etc/an4_test.fileids", [f"an4test_clstk/menk/{name}" for name in tests])
    lines = [f"{words} ({name})" for name, words in tests.items()]
    write_lines(root / "etc/an4_test.transcription", lines)
    # the leftovers of the public repository, which nobody may read
    write_lines(root / "etc/an4_test.transcription253239", ["WRONG (an9-menk-b)"])
    for name in ids:
        write_audio(root / "wav" / f"{name}.wav")
    for name in tests:
        write_audio(root / "wav/an4test_clstk/menk" / f"{name}.sph")
    return root


FSDD_TREE = "free-spoken-digit-dataset-1.0.10"


def fsdd(directory: Path, seconds: float = 0.1435) -> Path:
    """Two speakers, two digits, 12 recordings of each: as short as the shortest real ones."""
    root = directory / FSDD_TREE
    for name in (f"{d}_{s}_{i}" for d in (0, 7) for s in ("theo", "ann") for i in range(12)):
        write_audio(root / "recordings" / f"{name}.wav", seconds, 8000)
    write_lines(root / "README.md", ["digits"])
    return root


OCEAN_TRAIN_SPEAKERS = [f"{number:04d}" for number in range(7, 70, 3)]
"""21 training speakers, of whom the sixth and the seventeenth are in dev."""
OCEAN_TEST_SPEAKERS = ["0003", "9001"]


def speechocean762(directory: Path) -> Path:
    """Two utterances of each speaker; text and wav.scp have tabs, utt2spk has spaces."""
    root = directory / "speechocean762"
    for name, speakers in (("train", OCEAN_TRAIN_SPEAKERS), ("test", OCEAN_TEST_SPEAKERS)):
        utts = {f"0{speaker}{end}": speaker for speaker in speakers for end in ("0012", "0024")}
        audio = {utt: f"WAVE/SPEAKER{speaker}/{utt}.WAV" for utt, speaker in utts.items()}
        write_lines(root / name / "wav.scp", [f"{utt}\t{path}" for utt, path in audio.items()])
        write_lines(root / name / "text", [f"{utt}\tI'M  A {name.upper()}" for utt in utts])
        write_lines(root / name / "utt2spk", [f"{utt} {spk}" for utt, spk in utts.items()])
        write_lines(root / name / "spk2age", [f"{speaker}\t6" for speaker in speakers])
        for path in audio.values():
            write_audio(root / path)
    return root


AISHELL_SETS = {
    "train": {"S0002": range(122, 130), "S0003": range(121, 129)},
    "dev": {"S0724": (121, 122)},
    "test": {"S0764": (121, 122, 123)},
}
"""Set -> speaker -> numbers of utterances."""


def aishell(directory: Path) -> Path:
    """16 utterances to train on; a transcript without audio and a recording without transcript."""
    root = directory / "data_aishell"
    lines = ["BAC009S0002W0121 没有 录音"]
    for name, speakers in AISHELL_SETS.items():
        for speaker, numbers in speakers.items():
            for number in numbers:
                utt_id = f"BAC009{speaker}W{number:04d}"
                write_audio(root / "wav" / name / speaker / f"{utt_id}.wav")
                lines.append(f"{utt_id} 而 对 楼市 {'一二三'[number % 3]}")
    write_audio(root / "wav/train/S0003/BAC009S0003W0999.wav")
    write_lines(root / "transcript/aishell_transcript_v0.8.txt", lines)
    return root


LIBRISPEECH_PARTS = {
    "train-clean-100": {"19-198": 8, "103-1240": 8},
    "dev-clean": {"84-121123": 3},
    "dev-other": {"116-288045": 2},
    "test-clean": {"61-70968": 3},
}
"""Part -> chapter of a reader -> number of utterances."""


def librispeech(directory: Path) -> Path:
    """Four parts, with one or two readers each."""
    root = directory / "LibriSpeech"
    for part, chapters in LIBRISPEECH_PARTS.items():
        for name, count in chapters.items():
            reader, chapter = name.split("-")
            folder = root / part / reader / chapter
            utts = [f"{name}-{number:04d}" for number in range(count)]
            words = ["HE", "HOPED", "THERE", "WOULD", "BE", "STEW"]
            lines = [f"{utt} {words[n % 6]} {words[n % 5]}" for n, utt in enumerate(utts)]
            write_lines(folder / f"{name}.trans.txt", lines)
            for utt in utts:
                write_audio(folder / f"{utt}.flac")
    write_lines(root / "SPEAKERS.TXT", ["; not looked at"])
    return root


def folder(directory: Path) -> Path:
    """A corpus for utils/new_recipe.sh: text beside the audio, or in a list of the set."""
    root = directory / "speech"
    texts = ("go", "go home", "go to bed")
    for speaker in ("ann", "bo", "cy"):
        for number in range(2, 6):
            path = root / "train" / speaker / f"say-{number}.flac"
            write_audio(path)
            write_lines(path.with_suffix(".txt"), texts[(number + 1) % 3].split())
    for name in ("dev", "test"):
        for letter in "abc":
            write_audio(root / name / f"{letter}.wav")
    for letter in "abc":
        write_lines(root / "dev" / f"{letter}.txt", ["go home"])
    rows = [f"{letter}.wav\t{text}" for letter, text in zip("abc", texts)]
    write_lines(root / "test/transcripts.tsv", rows)
    return root


def mix(directory: Path) -> Path:
    """The trees of all corpora that egs/mix combines, side by side."""
    for tree in (an4, speechocean762, aishell):
        tree(directory)
    fsdd(directory, seconds=0.4)  # time for letters
    return directory


TREES: dict[str, Callable[[Path], Path]] = {
    "an4": an4,
    "fsdd": fsdd,
    "speechocean762": speechocean762,
    "aishell": aishell,
    "librispeech": librispeech,
    "mix": mix,
}
"""Recipe -> what makes its corpus in a directory, and gives the tree."""
