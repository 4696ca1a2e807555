"""From each form of corpus to data directories."""

from pathlib import Path

import pytest
from corpus_forms import FORM_TREES
from made_up import edit, read_table

from moeasr.audio.recording import RecordingReader
from moeasr.corpus.forms.corpus_sets import forms_parser, options_of, read_sets
from moeasr.datadir.utterances import open_utterances
from moeasr.datadir.write import write_sets
from moeasr.errors import InputError
from moeasr.kaldi.check_audio import check_audio
from moeasr.kaldi.validate import ValidateOptions, validate_data_dir


def prepare(root: Path, *options: str) -> Path:
    """Do what `local/data_prep.py` does; returns the data directory."""
    data = root.parent / "data of it"
    where = ["--download-dir", str(root), "--data-dir", str(data)]
    args = forms_parser(None).parse_args([*where, *options])
    write_sets(read_sets(args.download_dir, options_of(args)), args.data_dir)
    return data


NUM_UTTS = {
    "kaldi": [4, 2, 2],
    "lhotse": [10, 2, 2],
    "common_voice": [6, 3, 3],
    "ljspeech": [10, 1, 1],
    "json": [7, 1, 1],
    "audio_folder": [4, 2, 2],
    "csv": [4, 2, 2],
    "folder": [12, 4, 4],
}


@pytest.mark.parametrize("form", FORM_TREES)
def test_each_form_gives_valid_data_directories(tmp_path, form):
    (tmp_path / "it").mkdir()
    data = prepare(FORM_TREES[form](tmp_path / "it"))
    found = []
    for name in ("train", "dev", "test"):
        validate_data_dir(data / name, ValidateOptions(no_feats=True), print)
        check_audio(data / name, print)
        segments = data / name / "segments"
        utterances = open_utterances(
            data / name / "wav.scp", segments if segments.is_file() else None
        )
        found.append(len(utterances))
        reader = RecordingReader()
        for utterance in utterances:
            samples, rate_hz = reader.read(*utterance.audio_span)
            assert 0.9 < len(samples) / rate_hz < 2.1
    assert found == NUM_UTTS[form]


LANGUAGES = {"lhotse": "cy", "common_voice": "cy", "audio_folder": "en_US"}


@pytest.mark.parametrize("form", FORM_TREES)
def test_the_languages_of_a_corpus_are_written(tmp_path, form):
    (tmp_path / "it").mkdir()
    data = prepare(FORM_TREES[form](tmp_path / "it"))
    for name in ("train", "dev", "test"):
        assert (data / name / "utt2lang").is_file() == (form in LANGUAGES)
        if form in LANGUAGES:
            found = read_table(data / name / "utt2lang")
            assert found == dict.fromkeys(read_table(data / name / "text"), LANGUAGES[form])


def test_a_set_whose_languages_are_not_all_known_has_none(tmp_path, caplog):
    root = FORM_TREES["json"](tmp_path / "it")
    edit(root / "train_manifest.json", '"speaker": "s1"', '"speaker": "s1", "lang": "cy"')
    edit(root / "validation/metadata.jsonl", "{", '{"locale": "cy", ')
    data = prepare(root)
    assert not (data / "train/utt2lang").exists()
    assert "train: utt2lang is not written, because 6 of 7 utterances have no" in caplog.text
    assert list(read_table(data / "dev/utt2lang").values()) == ["cy"]


def test_texts_and_sizes_are_options(tmp_path):
    root = FORM_TREES["common_voice"](tmp_path / "it")
    data = prepare(root, "--case", "lower", "--punctuation", "remove")
    assert set(read_table(data / "dev/text").values()) == {"go", "go home", "to bed"}
    root = FORM_TREES["ljspeech"](tmp_path / "lj")
    data = prepare(root, "--dev-size", "4", "--test-size", "0.25", "--form", "ljspeech")
    assert len(read_table(data / "dev/text")) == 4 and len(read_table(data / "test/text")) == 3


FAULTS = {
    "missing audio": (
        "common_voice",
        lambda root: (root / "cv-corpus-1.0/cy/clips/common_voice_cy_991.mp3").unlink(),
        "dev.tsv, line 3: audio file ",
    ),
    "empty text": (
        "common_voice",
        lambda root: edit(root / "cv-corpus-1.0/cy/test.tsv", '"To Bed!"', ""),
        "test.tsv, line 4: the text is empty",
    ),
    "duplicate id": (
        "ljspeech",
        lambda root: edit(root / "metadata.csv", "LJ001-0004", "LJ001-0003"),
        "metadata.csv, line 4: utterance 'LJ001-0003' appears twice (first: ",
    ),
    "broken JSON": (
        "json",
        lambda root: edit(root / "train_manifest.json", '"speaker": "s1",', '"speaker": "s1'),
        "train_manifest.json, line 3: is not valid JSON",
    ),
    "beyond the end": (
        "json",
        lambda root: edit(root / "train_manifest.json", '"duration": 1.25', '"duration": 2'),
        "train_manifest.json, line 2: the utterance is from 1.25 s to 3.25 s",
    ),
    "damaged audio": (
        "folder",
        lambda root: (root / "ann/söng go.wav").write_bytes(b"go"),
        "söng go.txt: audio file ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_nothing_is_written(tmp_path, fault):
    form, spoil, message = FAULTS[fault]
    root = FORM_TREES[form](tmp_path / "it")
    spoil(root)
    with pytest.raises(InputError) as caught:
        prepare(root)
    assert message in str(caught.value)
    assert not (root.parent / "data of it").exists()


def test_directories_of_the_corpus_are_not_replaced(tmp_path):
    root = FORM_TREES["kaldi"](tmp_path)
    before = (root / "data/train/text").read_text()
    where = ["--download-dir", str(root), "--data-dir", str(root / "data")]
    args = forms_parser(None).parse_args(where)
    with pytest.raises(InputError, match=r"data/train is a part of the corpus .*corpus, and would"):
        read_sets(args.download_dir, options_of(args))
    assert (root / "data/train/text").read_text() == before
    beside = forms_parser(None).parse_args([*where[:2], "--data-dir", str(root / "made")])
    assert read_sets(beside.download_dir, options_of(beside)).keys() == {"train", "dev", "test"}
