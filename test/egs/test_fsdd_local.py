"""Data preparation of the Free Spoken Digit Dataset on a made-up tree."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.errors import InputError

TREE = "free-spoken-digit-dataset-1.0.10"


@pytest.fixture
def tree(tmp_path):
    """Two speakers, two digits, 12 recordings of each, some very short."""
    root = tmp_path / "corpus" / TREE
    (root / "recordings").mkdir(parents=True)
    for name in (f"{d}_{s}_{i}" for d in (0, 7) for s in ("theo", "ann") for i in range(12)):
        soundfile.write(root / "recordings" / f"{name}.wav", np.zeros(1148, np.int16), 8000)
    (root / "README.md").write_text("digits")
    return root


@pytest.fixture
def prepare(local_module, tmp_path):
    """Run data_prep.py on a download directory; the data directory."""

    def run(download_dir: Path) -> Path:
        where = ["--unpack-dir", str(tmp_path / "unpacked"), "--data-dir", str(tmp_path / "data")]
        local_module("fsdd", "data_prep").main(["--download-dir", str(download_dir), *where])
        return tmp_path / "data"

    return run


def table(path: Path) -> dict[str, str]:
    pairs = [line.split(" ", 1) for line in path.read_text().splitlines()]
    assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
    return dict(pairs)


def test_sets_texts_and_audio(prepare, tree, capsys):
    data = prepare(tree.parent)
    texts = {name: table(data / name / "text") for name in ("train", "dev", "test")}
    for name, indices in {"test": range(5), "dev": range(5, 10), "train": (10, 11)}.items():
        expected = {f"{s}-{d}-{i:02d}" for s in ("ann", "theo") for d in (0, 7) for i in indices}
        assert texts[name].keys() == expected
        assert table(data / name / "utt2spk") == {utt: utt.split("-")[0] for utt in expected}
    assert texts["test"]["theo-7-03"] == "seven" and texts["test"]["theo-0-03"] == "zero"
    wav = table(data / "test" / "wav.scp")["theo-7-03"]
    assert wav == str(tree / "recordings" / "7_theo_3.wav")
    assert "test: 20 utterances, 2 speakers, 20 words" in capsys.readouterr().out


@pytest.mark.parametrize("name", [f"{TREE}.tar.xz", "v1.0.10.tar.gz"])
def test_archive(prepare, tree, tmp_path, name):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with tarfile.open(downloads / name, f"w:{name[-2:]}") as tar:
        tar.add(tree, TREE)
    data = prepare(downloads)
    wav = Path(table(data / "dev" / "wav.scp")["ann-0-05"])
    assert wav == tmp_path / "unpacked" / TREE / "recordings" / "0_ann_5.wav"
    assert soundfile.info(wav).frames == 1148


@pytest.mark.parametrize("name", ["x_theo_1", "0_theo", "10_theo_1", "0_the o_1", "0_theo_x"])
def test_a_name_that_says_nothing_is_named(prepare, tree, tmp_path, name):
    (tree / "recordings" / f"{name}.wav").write_bytes(b"")
    with pytest.raises(InputError, match=f"recordings/{name}.wav: the name is not <digit>_"):
        prepare(tree)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("name", "indices"), [("train", [10, 11]), ("test", range(5))])
def test_a_part_without_one_of_the_sets_is_refused(prepare, tree, tmp_path, name, indices):
    for index in indices:
        for audio in (tree / "recordings").glob(f"*_{index}.wav"):
            audio.unlink()
    with pytest.raises(InputError, match=f"no recording belongs to the {name} set"):
        prepare(tree)
    assert not (tmp_path / "data").exists()


def test_missing_download_dir_is_named(prepare, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such directory"):
        prepare(tmp_path / "nowhere")
