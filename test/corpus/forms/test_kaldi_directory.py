"""Kaldi data directories as a corpus."""

import pytest
from corpus_forms import kaldi
from made_up import edit, write_lines

from moeasr.corpus.forms.kaldi_directory import KaldiForm
from moeasr.errors import InputError


def test_segments_and_paths_from_the_corpus(tmp_path):
    root = kaldi(tmp_path)
    sets = KaldiForm().read(root)
    assert {name: len(items) for name, items in sets.items()} == {"train": 4, "dev": 2, "test": 2}
    item = sets["train"][1]
    assert (item.name, item.speaker, item.text) == ("ann-1", "ann", "go home")
    assert (item.recording, item.start_sec, item.end_sec) == ("ann_tape", 1.0, 1.95)
    assert item.audio == root / "wav/ann_tape.wav"
    assert sets["dev"][0].recording == "cy-0" and sets["dev"][0].start_sec is None


def test_commands_and_archives_stay(tmp_path):
    write_lines(tmp_path / "wav.scp", ["a cat x y.wav |", "b wav.ark:17"])
    write_lines(tmp_path / "text", ["a go", "b"])
    write_lines(tmp_path / "utt2spk", ["a a", "b b"])
    (tmp_path / "wav.ark").touch()
    (items,) = KaldiForm().read(tmp_path).values()
    assert [item.audio for item in items] == ["cat x y.wav |", f"{tmp_path / 'wav.ark'}:17"]
    assert items[1].text == ""


def test_languages_are_those_of_utt2lang(tmp_path):
    root = kaldi(tmp_path)
    write_lines(root / "data/dev/utt2lang", ["cy-0 cy", "cy-1 en"])
    sets = KaldiForm().read(root)
    assert [item.language for item in sets["dev"]] == ["cy", "en"]
    assert {item.language for item in sets["train"]} == {None}
    write_lines(root / "data/dev/utt2lang", ["cy-0 cy"])
    with pytest.raises(InputError, match="dev/utt2lang: there is no utterance cy-1"):
        KaldiForm().read(root)


def test_faults_are_named(tmp_path):
    root = kaldi(tmp_path)
    edit(root / "data/dev/text", "cy-1", "cy-2")
    with pytest.raises(InputError, match="dev/text: there is no utterance cy-1"):
        KaldiForm().read(root)
    (root / "data/dev/text").unlink()
    with pytest.raises(InputError, match="dev/text does not exist; it is required beside wav.scp"):
        KaldiForm().read(root)
    with pytest.raises(InputError, match="contains no data directory"):
        KaldiForm().read(root / "wav")
