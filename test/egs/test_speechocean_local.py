"""Data preparation of speechocean762 on a made-up tree with the public layout."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.errors import InputError

TRAIN_SPEAKERS = [f"{number:04d}" for number in range(7, 70, 3)]  # 21 of them
TEST_SPEAKERS = ["0003", "9001"]


@pytest.fixture
def tree(tmp_path):
    """Two utterances of each speaker; text and wav.scp have tabs, utt2spk has spaces."""
    root = tmp_path / "corpus" / "speechocean762"
    for name, speakers in (("train", TRAIN_SPEAKERS), ("test", TEST_SPEAKERS)):
        utts = {f"0{speaker}{end}": speaker for speaker in speakers for end in ("0012", "0024")}
        lines = {
            "wav.scp": [f"{utt}\tWAVE/SPEAKER{spk}/{utt}.WAV" for utt, spk in utts.items()],
            "text": [f"{utt}\tI'M  A {name.upper()}" for utt in utts],
            "utt2spk": [f"{utt} {spk}" for utt, spk in utts.items()],
            "spk2age": [f"{spk}\t6" for spk in speakers],
        }
        (root / name).mkdir(parents=True)
        for file, rows in lines.items():
            (root / name / file).write_text("\n".join(rows) + "\n")
        for utt, speaker in utts.items():
            path = root / "WAVE" / f"SPEAKER{speaker}" / f"{utt}.WAV"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.zeros(1600, np.int16), 16000, format="WAV")
    return root


@pytest.fixture
def prepare(local_module, tmp_path):
    """Run data_prep.py on a download directory; the data directory."""

    def run(download_dir: Path) -> Path:
        where = ["--unpack-dir", str(tmp_path / "unpacked"), "--data-dir", str(tmp_path / "data")]
        module = local_module("speechocean762", "data_prep")
        module.main(["--download-dir", str(download_dir), *where])
        return tmp_path / "data"

    return run


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def table(path: Path) -> dict[str, str]:
    pairs = [line.split(" ", 1) for line in path.read_text().splitlines()]
    assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
    return dict(pairs)


def test_sets_texts_and_audio(prepare, tree, capsys):
    data = prepare(tree.parent)
    utts = ("0003-000030012", "0003-000030024", "9001-090010012", "9001-090010024")
    assert table(data / "test" / "text") == dict.fromkeys(utts, "I'M A TEST")
    wav = table(data / "test" / "wav.scp")["0003-000030024"]
    assert wav == str(tree / "WAVE/SPEAKER0003/000030024.WAV")
    assert table(data / "test" / "spk2utt")["0003"] == "0003-000030012 0003-000030024"
    # of the 21 speakers in the order of names, the sixth and the seventeenth
    dev = {TRAIN_SPEAKERS[5], TRAIN_SPEAKERS[16]}
    assert set(table(data / "dev" / "utt2spk").values()) == dev
    assert set(table(data / "train" / "utt2spk").values()) == set(TRAIN_SPEAKERS) - dev
    assert "train: 38 utterances, 19 speakers, 114 words" in capsys.readouterr().out


def test_archive_of_a_part(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "speechocean762-part.tar.xz", "w:xz") as tar:
        tar.add(tree, "speechocean762")
    wav = Path(table(prepare(tmp_path) / "test" / "wav.scp")["9001-090010012"])
    assert wav.is_relative_to(tmp_path / "unpacked" / "speechocean762")
    assert soundfile.info(wav).frames == 1600


def test_public_archive_must_be_whole(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "speechocean762.tar.gz", "w:gz") as tar:
        tar.add(tree, "speechocean762")
    with pytest.raises(InputError, match=r"speechocean762\.tar\.gz has \d+ bytes, the published"):
        prepare(tmp_path)


FAULTS = {
    "a list is missing": (
        lambda root: (root / "test/text").unlink(),
        r"test/text does not exist",
    ),
    "audio is missing": (
        lambda root: (root / "WAVE/SPEAKER0003/000030012.WAV").unlink(),
        r"test/wav\.scp:1: there is no audio .*SPEAKER0003/000030012\.WAV",
    ),
    "audio of another case": (
        lambda root: edit(root, "test/wav.scp", "000030024.WAV", "000030024.wav"),
        r"test/wav\.scp:2: there is no audio .*000030024\.wav",
    ),
    "no text": (
        lambda root: edit(root, "train/text", "000070012\tI'M  A TRAIN\n", ""),
        r"train/text: there is no 000070012, which wav\.scp lists",
    ),
    "no speaker": (
        lambda root: edit(root, "train/utt2spk", "000070024 0007\n", ""),
        r"train/utt2spk: there is no 000070024, which wav\.scp lists",
    ),
    "text without audio": (
        lambda root: edit(root, "test/wav.scp", "000030012\tWAVE/SPEAKER0003/000030012.WAV\n", ""),
        r"test/wav\.scp: there is no 000030012, which text lists",
    ),
    "empty text": (
        lambda root: edit(root, "test/text", "I'M  A TEST", ""),
        r"test/text:1: not an utterance and what belongs to it: '000030012'",
    ),
    "blank line": (
        lambda root: edit(root, "test/text", "\n", "\n\n"),
        r"test/text:2: not an utterance",
    ),
    "listed twice": (
        lambda root: edit(root, "test/text", "000030024", "000030012"),
        r"test/text:2: utterance 000030012 is listed twice",
    ),
    "too few speakers": (
        lambda root: [
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:10]))
            for path in (root / "train").iterdir()
        ],
        r"too few training speakers",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare(tree)
    assert not (tmp_path / "data").exists()
