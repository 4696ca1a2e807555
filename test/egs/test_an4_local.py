"""Data preparation of AN4 on a made-up tree with both audio formats."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.errors import InputError

TRAIN_SPEAKERS = [f"f{letter}aa" for letter in "abcdef"] + [f"m{letter}bb" for letter in "abcdefgh"]


@pytest.fixture
def tree(tmp_path):
    """An AN4 tree: 14 training speakers with two utterances each, and one test speaker."""
    root = tmp_path / "corpus" / "an4"
    (root / "etc").mkdir(parents=True)
    names = [f"{prompt}-{speaker}-b" for speaker in TRAIN_SPEAKERS for prompt in ("an1", "cen2")]
    for name in names:
        write_audio(root / "wav" / "an4_clstk" / name.split("-")[1] / f"{name}.wav")
    write_lines(root, "train.fileids", [f"an4_clstk/{n.split('-')[1]}/{n}" for n in names])
    write_lines(root, "train.transcription", [f"<s> GO  A B </s> ({name})" for name in names])
    for name in ("an9-menk-b", "cen9-menk-b"):
        write_audio(root / "wav" / "an4test_clstk" / "menk" / f"{name}.sph")
    write_lines(
        root, "test.fileids", ["an4test_clstk/menk/an9-menk-b", "an4test_clstk/menk/cen9-menk-b"]
    )
    write_lines(root, "test.transcription", ["YES (an9-menk-b)", "E X (cen9-menk-b)"])
    # the leftovers of the public repository, which nobody may read
    write_lines(root, "test.transcription253239", ["WRONG (an9-menk-b)"])
    return root


def write_audio(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file_format = {".sph": "NIST", ".wav": "WAV"}[path.suffix]
    soundfile.write(path, np.zeros(1600, np.int16), 16000, format=file_format, subtype="PCM_16")


def write_lines(root: Path, name: str, lines: list[str]) -> None:
    (root / "etc" / f"an4_{name}").write_text("\n".join(lines) + "\n")


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / "etc" / f"an4_{name}"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def prepare(local_module, tmp_path):
    """Run data_prep.py on a download directory; the data directory."""

    def run(download_dir: Path) -> Path:
        where = ["--unpack-dir", str(tmp_path / "unpacked"), "--data-dir", str(tmp_path / "data")]
        module = local_module("an4", "data_prep")
        module.main(["--download-dir", str(download_dir), *where])
        return tmp_path / "data"

    return run


def table(path: Path) -> dict[str, str]:
    pairs = [line.split(" ", 1) for line in path.read_text().splitlines()]
    assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
    return dict(pairs)


def test_sets_texts_and_audio(prepare, tree, capsys):
    data = prepare(tree.parent)
    assert table(data / "test" / "text") == {
        "menk-an9-menk-b": "YES",
        "menk-cen9-menk-b": "E X",
    }
    wav = table(data / "test" / "wav.scp")["menk-cen9-menk-b"]
    assert wav == str(tree / "wav/an4test_clstk/menk/cen9-menk-b.sph")
    assert soundfile.info(wav).frames == 1600
    assert table(data / "test" / "spk2utt") == {"menk": "menk-an9-menk-b menk-cen9-menk-b"}
    texts = {**table(data / "train" / "text"), **table(data / "dev" / "text")}
    assert len(texts) == 28 and set(texts.values()) == {"GO A B"}
    # of the 14 speakers in the order of names, the sixth alone: the next would be the seventeenth
    assert set(table(data / "dev" / "utt2spk").values()) == {"ffaa"}
    assert set(table(data / "train" / "utt2spk").values()) == set(TRAIN_SPEAKERS) - {"ffaa"}
    assert "test: 2 utterances, 1 speakers, 3 words" in capsys.readouterr().out


def test_rerun_leaves_nothing_of_the_old_directory(prepare, tree):
    data = prepare(tree)  # the tree itself may be named as well
    (data / "train" / "feats.scp").write_text("stale\n")
    prepare(tree)
    names = sorted(path.name for path in (data / "train").iterdir())
    assert names == ["spk2utt", "text", "utt2spk", "wav.scp"]


@pytest.mark.parametrize("name", ["an4.tar.xz", "an4_sphere.tar.gz"])
def test_from_an_archive(prepare, tree, tmp_path, name):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with tarfile.open(downloads / name, "w:" + name[-2:]) as tar:
        tar.add(tree, "an4")
    data = prepare(downloads)
    audio = Path(table(data / "test" / "wav.scp")["menk-an9-menk-b"])
    assert audio.is_relative_to(tmp_path / "unpacked" / "an4")


FAULTS = {
    "a list is missing": (
        lambda root: (root / "etc/an4_test.transcription").unlink(),
        r"an4_test\.transcription does not exist",
    ),
    "audio is missing": (
        lambda root: (root / "wav/an4test_clstk/menk/an9-menk-b.sph").unlink(),
        r"an4_test\.fileids:1: there is no audio .*an9-menk-b\.wav or \.sph",
    ),
    "no transcript": (
        lambda root: edit(root, "test.transcription", "E X (cen9-menk-b)\n", ""),
        r"an4_test\.fileids:2: cen9-menk-b has no transcript",
    ),
    "transcript not listed": (
        lambda root: edit(root, "test.fileids", "an4test_clstk/menk/cen9-menk-b\n", ""),
        r"cen9-menk-b has a transcript but is not in",
    ),
    "listed twice": (
        lambda root: edit(root, "test.fileids", "cen9-menk-b", "an9-menk-b"),
        r"an4_test\.fileids:2: utterance an9-menk-b is listed twice",
    ),
    "two transcripts": (
        lambda root: edit(root, "test.transcription", "cen9-menk-b", "an9-menk-b"),
        r"an4_test\.transcription:2: utterance an9-menk-b has two transcripts",
    ),
    "no words": (
        lambda root: edit(root, "train.transcription", "GO  A B", ""),
        r"an4_train\.transcription:1: utterance an1-faaa-b has an empty transcript",
    ),
    "no name": (
        lambda root: edit(root, "test.transcription", "YES (an9-menk-b)", "YES"),
        r"an4_test\.transcription:1: not `words \(utterance\)`: 'YES'",
    ),
    "bad path": (
        lambda root: edit(root, "test.fileids", "an4test_clstk/", ""),
        r"an4_test\.fileids:1: not <set>/<speaker>/<utterance>",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare(tree)
    assert not (tmp_path / "data").exists()


def test_audio_without_transcript_is_told_and_left_out(prepare, tree, capsys):
    extra = tree / "wav" / "an4_clstk" / "faaa" / "an7-faaa-b.wav"
    write_audio(extra)
    data = prepare(tree)
    assert f"1 audio files have no transcript, e.g. {extra}" in capsys.readouterr().err
    assert "faaa-an7-faaa-b" not in table(data / "train" / "wav.scp")


def test_missing_download_dir_is_named(prepare, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such directory"):
        prepare(tmp_path / "nowhere")
