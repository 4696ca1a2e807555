"""Data preparation of the Free Spoken Digit Dataset on a synthetic tree."""

import tarfile
from pathlib import Path

import pytest
import soundfile
from made_up import FSDD_TREE, fsdd, read_table

from moeasr.errors import InputError


@pytest.fixture
def tree(tmp_path):
    """Create a tree of digits."""
    return fsdd(tmp_path / "corpus")


def test_data_directories_have_the_sets_transcripts_and_audio(prepare, tree, capsys):
    data = prepare("fsdd", tree.parent)
    texts = {name: read_table(data / name / "text") for name in ("train", "dev", "test")}
    for name, indices in {"test": range(5), "dev": range(5, 10), "train": (10, 11)}.items():
        expected = {f"{s}-{d}-{i:02d}" for s in ("ann", "theo") for d in (0, 7) for i in indices}
        assert texts[name].keys() == expected
        assert read_table(data / name / "utt2spk") == {utt: utt.split("-")[0] for utt in expected}
    assert texts["test"]["theo-7-03"] == "seven" and texts["test"]["theo-0-03"] == "zero"
    wav = read_table(data / "test" / "wav.scp")["theo-7-03"]
    assert wav == str(tree / "recordings" / "7_theo_3.wav")
    assert "test: transcripts of 20 words with" in capsys.readouterr().out


@pytest.mark.parametrize("name", [f"{FSDD_TREE}.tar.xz", "v1.0.10.tar.gz"])
def test_an_archive_is_unpacked(prepare, tree, tmp_path, name):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with tarfile.open(downloads / name, f"w:{name[-2:]}") as tar:
        tar.add(tree, FSDD_TREE)
    data = prepare("fsdd", downloads)
    wav = Path(read_table(data / "dev" / "wav.scp")["ann-0-05"])
    assert wav == tmp_path / "unpacked" / FSDD_TREE / "recordings" / "0_ann_5.wav"
    assert soundfile.info(wav).frames == 1148


@pytest.mark.parametrize("name", ["x_theo_1", "0_theo", "10_theo_1", "0_the o_1", "0_theo_x"])
def test_a_malformed_file_name_is_named(prepare, tree, tmp_path, name):
    (tree / "recordings" / f"{name}.wav").write_bytes(b"")
    with pytest.raises(InputError, match=f"recordings/{name}.wav: the name must be <digit>_"):
        prepare("fsdd", tree)
    assert not (tmp_path / "data").exists()


def test_a_missing_file_is_named(prepare, tree, tmp_path):
    for name in ("7_theo_3", "7_theo_10"):
        (tree / "recordings" / f"{name}.wav").unlink()
    missing = r"recordings/7_theo_3.wav: no such file \(2 of the 12 recordings of digit 7 by theo"
    with pytest.raises(InputError, match=missing):
        prepare("fsdd", tree)
    assert not (tmp_path / "data").exists()


def test_a_digit_without_recordings_of_a_speaker_is_named(prepare, tree):
    for audio in (tree / "recordings").glob("0_ann_*"):
        audio.unlink()
    with pytest.raises(InputError, match="0_ann_0.wav: no such file"):
        prepare("fsdd", tree)


@pytest.mark.parametrize(("name", "indices"), [("train", [10, 11]), ("test", range(5))])
def test_a_corpus_without_recordings_for_a_set_is_refused(prepare, tree, tmp_path, name, indices):
    for index in indices:
        for audio in (tree / "recordings").glob(f"*_{index}.wav"):
            audio.unlink()
    with pytest.raises(InputError, match=f"the {name} set has no recordings"):
        prepare("fsdd", tree)
    assert not (tmp_path / "data").exists()


def test_a_missing_download_directory_is_named(prepare, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such directory"):
        prepare("fsdd", tmp_path / "nowhere")
