"""Data preparation of AISHELL-1 on a synthetic tree, unpacked or with one archive per speaker."""

import shutil
import tarfile
from pathlib import Path

import pytest
from made_up import aishell, edit, read_table

from moeasr.errors import InputError

TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"


@pytest.fixture
def tree(tmp_path):
    """Create a tree with unpacked wav files."""
    return aishell(tmp_path / "corpus")


def pack_speakers(tree: Path, keep: bool = False) -> None:
    """Pack the wav files of each speaker into one archive, as in the public archive."""
    for folder in sorted(tree.glob("wav/*/S*")):
        with tarfile.open(tree / "wav" / f"{folder.name}.tar.gz", "w:gz") as tar:
            tar.add(folder, f"./{folder.parent.name}/{folder.name}")
        if not keep:
            shutil.rmtree(folder)


def test_data_directories_have_the_sets_transcripts_and_audio(prepare, tree, capsys):
    data = prepare("aishell", tree.parent)
    said = capsys.readouterr()
    assert "train: transcripts of 16 words with 80 characters" in said.out
    assert "left out 1 transcript without audio, e.g. BAC009S0002W0121" in said.err
    assert "left out 1 audio file without transcript, e.g. BAC009S0003W0999" in said.err
    # 141 600 transcripts in total, as in the description of the corpus
    for name, count, full in (("train", 16, 120098), ("dev", 2, 14326), ("test", 3, 7176)):
        assert f"{name} has {count} utterances; the full corpus has {full}" in said.err
    assert read_table(data / "dev" / "text") == {
        "BAC009S0724W0121": "而对楼市二",
        "BAC009S0724W0122": "而对楼市三",
    }
    assert set(read_table(data / "train" / "utt2spk").values()) == {"S0002", "S0003"}
    wav = read_table(data / "test" / "wav.scp")["BAC009S0764W0123"]
    assert wav == str(tree / "wav/test/S0764/BAC009S0764W0123.wav")


def test_archives_of_speakers_are_unpacked_once(prepare, tree, tmp_path):
    tables = prepare("aishell", tree)
    texts = [read_table(tables / name / "text") for name in ("train", "dev", "test")]
    pack_speakers(tree)
    (tmp_path / "downloads").mkdir()
    with tarfile.open(tmp_path / "downloads/data_aishell_sample.tar.xz", "w:xz") as tar:
        tar.add(tree, "data_aishell")
    data = prepare("aishell", tmp_path / "downloads")
    assert [read_table(data / name / "text") for name in ("train", "dev", "test")] == texts
    wav = Path(read_table(data / "test" / "wav.scp")["BAC009S0764W0123"])
    assert wav.is_relative_to(tmp_path / "unpacked") and wav.is_file()
    # nothing is unpacked a second time
    inode = wav.stat().st_ino
    prepare("aishell", tmp_path / "downloads")
    assert wav.stat().st_ino == inode


def test_an_unpacked_speaker_is_not_unpacked_again(prepare, tree, tmp_path):
    pack_speakers(tree, keep=True)
    data = prepare("aishell", tree)
    assert len(read_table(data / "train" / "text")) == 16
    assert not (tmp_path / "unpacked").exists()


def test_a_broken_archive_of_a_speaker_is_named(prepare, tree, tmp_path):
    pack_speakers(tree)
    archive = tree / "wav/S0764.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"wav/S0764\.tar\.gz: cannot be unpacked"):
        prepare("aishell", tree)
    assert not (tmp_path / "data").exists()


def test_an_incomplete_public_archive_is_refused(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "data_aishell.tgz", "w:gz") as tar:
        tar.add(tree, "data_aishell")
    with pytest.raises(InputError, match=r"data_aishell\.tgz has \d+ bytes, but the pub"):
        prepare("aishell", tmp_path)


def test_with_its_option_the_resource_archive_is_checked_unless_it_is_unpacked(
    prepare, tree, tmp_path
):
    (tree.parent / "resource_aishell").mkdir()
    with pytest.raises(InputError, match="resource_aishell.tgz has 3 bytes"):
        (tree.parent / "resource_aishell.tgz").write_bytes(b"tgz")
        prepare("aishell", tree.parent, "--resource")
    (tree.parent / "resource_aishell" / "lexicon.txt").write_text("SIL sil\n")
    prepare("aishell", tree.parent, "--resource")


FAULTS = {
    "two transcripts": (
        lambda root: edit(root / TRANSCRIPT, "BAC009S0002W0123", "BAC009S0002W0122"),
        r"_v0\.8\.txt:3: utterance BAC009S0002W0122 has two transcripts",
    ),
    "not UTF-8": (
        lambda root: (root / TRANSCRIPT).write_bytes(b"BAC009S0002W0122 \xff\n"),
        r"_v0\.8\.txt, line 1: not valid UTF-8",
    ),
    "a set without audio": (
        lambda root: shutil.rmtree(root / "wav/dev"),
        r"no audio in wav/dev has a transcript",
    ),
    "a set without transcripts": (
        lambda root: (root / TRANSCRIPT).write_text("BAC009S0002W0122 而\nBAC009S0724W0121 而\n"),
        r"no audio in wav/test has a transcript",
    ),
    "an utterance twice": (
        lambda root: shutil.copytree(root / "wav/dev/S0724", root / "wav/dev/S0725"),
        r"S0725/BAC009S0724W0121\.wav and .*S0724/BAC009S0724W0121\.wav have the same utterance",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_the_corpus_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare("aishell", tree)
    assert not (tmp_path / "data").exists()


def test_a_line_without_text_is_a_recording_without_transcript(prepare, tree, capsys):
    edit(tree / TRANSCRIPT, "BAC009S0764W0122 而 对 楼市 三", "BAC009S0764W0122")
    data = prepare("aishell", tree)
    assert len(read_table(data / "test" / "text")) == 2
    assert "left out 2 audio files without transcript" in capsys.readouterr().err
