"""A folder of audio with transcripts."""

from pathlib import Path

import corpus_forms
import made_up
import pytest
from made_up import write_audio, write_lines

from moeasr.corpus.forms.folder import FolderForm
from moeasr.errors import InputError


def test_sets_speakers_and_texts(tmp_path):
    root = made_up.folder(tmp_path)
    sets = FolderForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"dev": 3, "test": 3, "train": 12}
    bo = {item.name: item for item in sets["train"] if item.speaker == "bo"}
    assert bo["say-4"].text == "go to bed"
    assert bo["say-4"].audio == root / "train/bo/say-4.flac"
    assert bo["say-4"].where == str(root / "train/bo/say-4.txt")
    b = sets["test"][1]
    assert (b.name, b.speaker, b.text) == ("b", None, "go home")
    assert b.where == f"{root / 'test/transcripts.tsv'}, line 2"


def test_a_folder_without_sets_is_one(tmp_path):
    root = corpus_forms.folder(tmp_path)
    (items,) = FolderForm().read(root).values()
    assert len(items) == 20 and {item.speaker for item in items} == set(corpus_forms.SPEAKERS)
    assert FolderForm().find(root) and FolderForm().find(tmp_path) is None


def test_suffixes_may_be_upper_case(tmp_path):
    write_audio(tmp_path / "a.WAV")
    write_lines(tmp_path / "a.TXT", ["go"])
    assert FolderForm().find(tmp_path) == "audio files such as a.WAV with transcripts"
    (items,) = FolderForm().read(tmp_path).values()
    assert [(item.text, item.where) for item in items] == [("go", str(tmp_path / "a.TXT"))]


def test_a_speaker_may_have_the_name_of_a_set(tmp_path):
    for name in ("ann", "val"):
        write_lines(write_path(tmp_path / name / "a.wav").with_suffix(".txt"), ["go"])
    (items,) = FolderForm().read(tmp_path).values()
    assert [item.speaker for item in items] == ["ann", "val"]


def test_directories_may_have_other_names_of_sets_and_nested_speakers(tmp_path):
    for name in ("train-clean/19/198", "train-other/20", "valid"):
        write_lines(write_path(tmp_path / name / "a.wav").with_suffix(".txt"), ["go"])
    sets = FolderForm().read(tmp_path)
    assert [item.speaker for item in sets["train"]] == ["19-198", "20"]
    assert [item.speaker for item in sets["dev"]] == [None]


def write_path(path: Path) -> Path:
    write_audio(path)
    return path


def test_audio_without_any_transcript_is_no_folder(tmp_path):
    write_path(tmp_path / "b/a.wav")
    assert FolderForm().find(tmp_path / "b") is None
    write_path(tmp_path / "b/c.wav").with_suffix(".txt").write_text("go")
    assert FolderForm().find(tmp_path / "b") == "audio files such as c.wav with transcripts"


def test_a_transcript_without_audio_is_named(tmp_path, caplog):
    root = made_up.folder(tmp_path)
    (root / "dev/b.wav").rename(root / "dev/b.doc")
    assert len(FolderForm().read(root)["dev"]) == 2
    assert (
        "dev/b.txt is left out, because there is no audio file of this name beside it"
        in caplog.text
    )


def test_a_list_and_files_beside_the_audio_complete_each_other(tmp_path, caplog):
    root = made_up.folder(tmp_path)
    write_path(root / "test/d.wav").with_suffix(".txt").write_text("fly")
    (root / "test/b.txt").write_text("go  home\n")
    (root / "test/README.txt").write_text("about this corpus")
    texts = {item.name: item.text for item in FolderForm().read(root)["test"]}
    assert (texts["b"], texts["d"]) == ("go home", "fly")
    assert "left out" not in caplog.text


FAULTS = {
    "contradiction": (
        lambda root: (root / "test/b.txt").write_text("stay"),
        "test/b.txt differ; remove one of the transcripts",
    ),
    "no transcript": (
        lambda root: (root / "dev/a.txt").unlink(),
        "dev/a.wav has no transcript: add a .txt file beside it",
    ),
    "several without": (
        lambda root: [(root / f"dev/{name}.txt").unlink() for name in "bc"],
        "a .txt file beside it; the same holds for 1 more (c.wav)",
    ),
    "not in the list": (
        lambda root: write_audio(root / "test/d.wav"),
        "test/d.wav has no transcript: add a line in ",
    ),
    "no audio of a line": (
        lambda root: (root / "test/b.wav").unlink(),
        "test/transcripts.tsv, line 2: audio file ",
    ),
    "twice in the list": (
        lambda root: write_lines(root / "test/transcripts.tsv", ["a.wav\tgo"] * 2),
        "test/transcripts.tsv, line 2: a.wav appears twice",
    ),
    "no tab": (
        lambda root: write_lines(root / "test/transcripts.tsv", ["a.wav go home"]),
        "test/transcripts.tsv, line 1: must be `<audio><tab><text>`, but is 'a.wav go home'",
    ),
    "one transcript of two files": (
        lambda root: write_audio(root / "dev/a.flac"),
        "dev/a.flac and a.wav have the same transcript, a.txt; remove or rename one of them",
    ),
    "no audio": (
        lambda root: [path.unlink() for path in (root / "dev").iterdir()],
        "dev contains no audio (.wav .flac ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(tmp_path, fault):
    spoil, message = FAULTS[fault]
    root = made_up.folder(tmp_path)
    spoil(root)
    with pytest.raises(InputError) as caught:
        FolderForm().read(root)
    assert message in str(caught.value)
