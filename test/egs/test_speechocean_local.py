"""Data preparation of speechocean762 on a synthetic tree with the public layout."""

import tarfile
from pathlib import Path

import pytest
import soundfile
from made_up import OCEAN_TRAIN_SPEAKERS, edit, read_table, speechocean762

from moeasr.errors import InputError


@pytest.fixture
def tree(tmp_path):
    """Create a tree with Kaldi-style lists."""
    return speechocean762(tmp_path / "corpus")


def test_data_directories_have_the_sets_transcripts_and_audio(prepare, tree, capsys):
    data = prepare("speechocean762", tree.parent)
    utts = ("0003-000030012", "0003-000030024", "9001-090010012", "9001-090010024")
    assert read_table(data / "test" / "text") == dict.fromkeys(utts, "I'M A TEST")
    wav = read_table(data / "test" / "wav.scp")["0003-000030024"]
    assert wav == str(tree / "WAVE/SPEAKER0003/000030024.WAV")
    assert read_table(data / "test" / "spk2utt")["0003"] == "0003-000030012 0003-000030024"
    # the sixth and the 17th of 21 speakers sorted by name
    dev = {OCEAN_TRAIN_SPEAKERS[5], OCEAN_TRAIN_SPEAKERS[16]}
    assert set(read_table(data / "dev" / "utt2spk").values()) == dev
    assert set(read_table(data / "train" / "utt2spk").values()) == set(OCEAN_TRAIN_SPEAKERS) - dev
    assert len(read_table(data / "train" / "text")) == 38
    assert "train: transcripts of 114 words with" in capsys.readouterr().out


def test_an_archive_of_a_part_is_unpacked(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "speechocean762-part.tar.xz", "w:xz") as tar:
        tar.add(tree, "speechocean762")
    wav = Path(
        read_table(prepare("speechocean762", tmp_path) / "test" / "wav.scp")["9001-090010012"]
    )
    assert wav.is_relative_to(tmp_path / "unpacked" / "speechocean762")
    assert soundfile.info(wav).frames == 16000


def test_an_incomplete_public_archive_is_refused(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "speechocean762.tar.gz", "w:gz") as tar:
        tar.add(tree, "speechocean762")
    with pytest.raises(
        InputError, match=r"speechocean762\.tar\.gz has \d+ bytes, but the published"
    ):
        prepare("speechocean762", tmp_path)


FAULTS = {
    "a list is missing": (
        lambda root: (root / "test/text").unlink(),
        r"test/text does not exist",
    ),
    "audio is missing": (
        lambda root: (root / "WAVE/SPEAKER0003/000030012.WAV").unlink(),
        r"test/wav\.scp:1: audio file .*SPEAKER0003/000030012\.WAV",
    ),
    "audio of another case": (
        lambda root: edit(root / "test/wav.scp", "000030024.WAV", "000030024.wav"),
        r"test/wav\.scp:2: audio file .*000030024\.wav",
    ),
    "no text": (
        lambda root: edit(root / "train/text", "000070012\tI'M  A TRAIN\n", ""),
        r"train/text: utterance 000070012 is missing, but wav\.scp has it",
    ),
    "no speaker": (
        lambda root: edit(root / "train/utt2spk", "000070024 0007\n", ""),
        r"train/utt2spk: utterance 000070024 is missing, but wav\.scp has it",
    ),
    "text without audio": (
        lambda root: edit(root / "test/wav.scp", "000030012\tWAVE/SPEAKER0003/000030012.WAV\n", ""),
        r"test/wav\.scp: utterance 000030012 is missing, but text has it",
    ),
    "empty text": (
        lambda root: edit(root / "test/text", "I'M  A TEST", ""),
        r"test/text:1: must be `utterance value`, but is '000030012'",
    ),
    "blank line": (
        lambda root: edit(root / "test/text", "\n", "\n\n"),
        r"test/text:2: must be `utterance value`, but is",
    ),
    "listed twice": (
        lambda root: edit(root / "test/text", "000030024", "000030012"),
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
def test_faults_in_the_corpus_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare("speechocean762", tree)
    assert not (tmp_path / "data").exists()
