"""Data preparation of LibriSpeech on a synthetic tree with four of the seven parts."""

import tarfile
from pathlib import Path

import pytest
from made_up import edit, librispeech, read_table, write_audio

from moeasr.errors import InputError

OPTIONS = (
    *("--train-parts", "train-clean-100", "--dev-parts", "dev-clean", "dev-other"),
    *("--test-sets", "test_clean", "dev"),
)
TRANS = "dev-clean/84/121123/84-121123.trans.txt"


@pytest.fixture
def tree(tmp_path):
    """Create a tree of parts."""
    return librispeech(tmp_path / "corpus")


def test_sets_consist_of_the_chosen_parts(prepare, tree, capsys):
    data = prepare("librispeech", tree.parent, *OPTIONS)
    said = capsys.readouterr()
    assert "train: transcripts of 32 words with" in said.out
    speakers = read_table(data / "train" / "utt2spk").values()
    assert (len(speakers), len(set(speakers))) == (16, 2)
    assert "dev-other has 2 of 2864 utterances" in said.err
    assert sorted(path.name for path in data.iterdir()) == ["dev", "test_clean", "train"]
    assert set(read_table(data / "dev" / "utt2spk").values()) == {"84", "116"}
    assert read_table(data / "test_clean" / "text") == {
        "61-70968-0000": "HE HE",
        "61-70968-0001": "HOPED HOPED",
        "61-70968-0002": "THERE THERE",
    }
    wav = read_table(data / "train" / "wav.scp")["103-1240-0007"]
    assert wav == str(tree / "train-clean-100/103/1240/103-1240-0007.flac")


def test_all_parts_are_used_by_default(local_module):
    """The 960 hours of published results are 281 241 utterances."""
    prep = local_module("librispeech", "data_prep")
    needed = ["--download-dir", "x", "--unpack-dir", "x", "--data-dir", "x"]
    args = prep.get_parser().parse_args(needed)
    sizes = {name: part.num_utts for name, part in prep.PARTS.items()}
    assert sum(map(sizes.get, args.train_parts)) == 281241
    assert sum(map(sizes.get, args.dev_parts)) == 2703 + 2864
    assert args.test_sets == ["test_clean", "test_other"]
    assert (sizes["test-clean"], sizes["test-other"]) == (2620, 2939)


def test_parts_are_unpacked_from_one_archive_or_several(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "LibriSpeech-excerpts.tar.gz", "w:gz") as tar:
        tar.add(tree, "LibriSpeech")
    data = prepare("librispeech", tmp_path, *OPTIONS)
    wav = Path(read_table(data / "test_clean" / "wav.scp")["61-70968-0001"])
    assert wav.parts[-5:-3] == ("LibriSpeech", "test-clean") and wav.is_file()
    with tarfile.open(tmp_path / "dev-other.tar.gz", "w:gz") as tar:
        tar.add(tree / "dev-other", "LibriSpeech/dev-other")
    with pytest.raises(InputError, match=r"dev-other\.tar\.gz has \d+ bytes, but the pub"):
        prepare("librispeech", tmp_path, *OPTIONS)


def test_by_default_an_archive_must_contain_all_parts(prepare, tree, tmp_path):
    with tarfile.open(tmp_path / "LibriSpeech-excerpts.tar.gz", "w:gz") as tar:
        tar.add(tree, "LibriSpeech")
    with pytest.raises(InputError, match=r"does not contain LibriSpeech/train-clean-360/"):
        prepare("librispeech", tmp_path)
    assert (tmp_path / "unpacked/LibriSpeech/train-clean-100").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--train-parts", "train-clean-10"), "invalid choice: 'train-clean-10'"),
        (("--test-sets", "test-clean"), "invalid choice: 'test-clean'"),
    ],
)
def test_an_unknown_part_is_refused(prepare, tree, capsys, options, message):
    with pytest.raises(SystemExit):
        prepare("librispeech", tree, *options)
    assert message in capsys.readouterr().err


FAULTS = {
    "audio is missing": (
        lambda root: (root / TRANS).with_name("84-121123-0001.flac").unlink(),
        r"84-121123\.trans\.txt:2: utterance 84-121123-0001 has no audio .*0001\.flac",
    ),
    "no transcript": (
        lambda root: write_audio((root / TRANS).with_name("84-121123-0003.flac")),
        r"84-121123\.trans\.txt: utterance 84-121123-0003 has audio but no transcript",
    ),
    "no transcripts": (
        lambda root: (root / "train-clean-100/19/198/19-198.trans.txt").unlink(),
        r"19-198\.trans\.txt does not exist$",
    ),
    "a path for a name": (
        lambda root: edit(root / TRANS, "84-121123-0001", "../84-121123-0001"),
        r"84-121123\.trans\.txt:2: utterance \.\./84-121123-0001 has no audio",
    ),
    "two transcripts": (
        lambda root: edit(root / TRANS, "84-121123-0001", "84-121123-0000"),
        r"84-121123\.trans\.txt:2: utterance 84-121123-0000 has two transcripts",
    ),
    "no words": (
        lambda root: edit(root / TRANS, " HOPED HOPED", ""),
        r"84-121123\.trans\.txt:2: must be `<utterance> <words>`, but is '84-121123-0001'",
    ),
    "an empty line": (
        lambda root: edit(root / TRANS, "\n", "\n\n"),
        r"84-121123\.trans\.txt:2: must be `<utterance> <words>`, but is ''",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_the_corpus_are_named(prepare, tree, tmp_path, fault):
    spoil, message = FAULTS[fault]
    spoil(tree)
    with pytest.raises(InputError, match=message):
        prepare("librispeech", tree, *OPTIONS)
    assert not (tmp_path / "data").exists()
