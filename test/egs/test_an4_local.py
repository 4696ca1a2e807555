"""Data preparation of AN4 on a synthetic tree with both audio formats."""

import tarfile
from pathlib import Path

import pytest
import soundfile
from made_up import AN4_SPEAKERS, an4, edit, read_table, write_audio

from moeasr.errors import InputError


@pytest.fixture
def tree(tmp_path):
    """Create an AN4 tree."""
    return an4(tmp_path / "corpus")


def test_data_directories_have_the_sets_transcripts_and_audio(prepare, tree, capsys):
    data = prepare("an4", tree.parent)
    assert read_table(data / "test" / "text") == {
        "menk-an9-menk-b": "YES",
        "menk-cen9-menk-b": "E X",
    }
    wav = read_table(data / "test" / "wav.scp")["menk-cen9-menk-b"]
    assert wav == str(tree / "wav/an4test_clstk/menk/cen9-menk-b.sph")
    assert soundfile.info(wav).frames == 16000
    assert read_table(data / "test" / "spk2utt") == {"menk": "menk-an9-menk-b menk-cen9-menk-b"}
    texts = {**read_table(data / "train" / "text"), **read_table(data / "dev" / "text")}
    assert len(texts) == 28 and set(texts.values()) == {"GO A B"}
    # Of 14 speakers sorted by name, only the sixth is in dev. The next one would be the 17th.
    assert set(read_table(data / "dev" / "utt2spk").values()) == {"ffaa"}
    assert set(read_table(data / "train" / "utt2spk").values()) == set(AN4_SPEAKERS) - {"ffaa"}
    assert "test: transcripts of 3 words with" in capsys.readouterr().out


def test_a_second_run_replaces_the_old_directory(prepare, tree):
    data = prepare("an4", tree)  # the tree itself is accepted as well
    (data / "train" / "feats.scp").write_text("stale\n")
    prepare("an4", tree)
    names = sorted(path.name for path in (data / "train").iterdir())
    assert names == ["spk2utt", "text", "utt2spk", "wav.scp"]


@pytest.mark.parametrize("name", ["an4.tar.xz", "an4_sphere.tar.gz"])
def test_an_archive_is_unpacked(prepare, tree, tmp_path, name):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with tarfile.open(downloads / name, "w:" + name[-2:]) as tar:
        tar.add(tree, "an4")
    data = prepare("an4", downloads)
    audio = Path(read_table(data / "test" / "wav.scp")["menk-an9-menk-b"])
    assert audio.is_relative_to(tmp_path / "unpacked" / "an4")


FAULTS = {
    "a list is missing": (
        lambda root: (root / "etc/an4_test.transcription").unlink(),
        r"an4_test\.transcription does not exist",
    ),
    "audio is missing": (
        lambda root: (root / "wav/an4test_clstk/menk/an9-menk-b.sph").unlink(),
        r"an4_test\.fileids:1: neither .*/an9-menk-b\.wav nor an9-menk-b\.sph exists",
    ),
    "no transcript": (
        lambda root: edit(root / "etc/an4_test.transcription", "E X (cen9-menk-b)\n", ""),
        r"an4_test\.fileids:2: cen9-menk-b has no transcript",
    ),
    "transcript not listed": (
        lambda root: edit(root / "etc/an4_test.fileids", "an4test_clstk/menk/cen9-menk-b\n", ""),
        r"cen9-menk-b has a transcript but is not in",
    ),
    "listed twice": (
        lambda root: edit(root / "etc/an4_test.fileids", "cen9-menk-b", "an9-menk-b"),
        r"an4_test\.fileids:2: utterance an9-menk-b is listed twice",
    ),
    "two transcripts": (
        lambda root: edit(root / "etc/an4_test.transcription", "cen9-menk-b", "an9-menk-b"),
        r"an4_test\.transcription:2: utterance an9-menk-b has two transcripts",
    ),
    "a byte order mark": (
        lambda root: edit(root / "etc/an4_test.transcription", "YES", "\ufeffYES"),
        r"an4_test\.transcription, line 1: begins with a byte order mark",
    ),
    "another encoding": (
        lambda root: (root / "etc/an4_test.transcription").write_bytes(b"\n\xe9 (an9-menk-b)\n"),
        r"an4_test\.transcription, line 2: not valid UTF-8 \(byte 1 of the line\)",
    ),
    "no words": (
        lambda root: edit(root / "etc/an4_train.transcription", "GO  A B", ""),
        r"an4_train\.transcription:1: utterance an1-faaa-b has an empty transcript",
    ),
    "no name": (
        lambda root: edit(root / "etc/an4_test.transcription", "YES (an9-menk-b)", "YES"),
        r"an4_test\.transcription:1: must be `words \(utterance\)`, but is 'YES'",
    ),
    "too few speakers": (
        lambda root: [
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:10]))
            for path in (root / "etc").glob("an4_train.*")
        ],
        "too few training speakers to set some apart as dev set",
    ),
    "bad path": (
        lambda root: edit(root / "etc/an4_test.fileids", "an4test_clstk/", ""),
        r"an4_test\.fileids:1: must be <set>/<speaker>/<utterance>",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_the_corpus_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare("an4", tree)
    assert not (tmp_path / "data").exists()


def test_audio_without_transcript_is_left_out_with_a_warning(prepare, tree, capsys):
    extra = tree / "wav" / "an4_clstk" / "faaa" / "an7-faaa-b.wav"
    write_audio(extra)
    data = prepare("an4", tree)
    assert f"1 audio file has no transcript, e.g. {extra}" in capsys.readouterr().err
    assert "faaa-an7-faaa-b" not in read_table(data / "train" / "wav.scp")


def test_a_missing_download_directory_is_named(prepare, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such directory"):
        prepare("an4", tmp_path / "nowhere")
