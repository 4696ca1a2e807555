"""The data directories that recipes write."""

import dataclasses

import pytest

from moeasr.datadir.write import Utterance, write_data_dir, write_sets
from moeasr.errors import InputError

UTTERANCES = [
    Utterance("b-2", "b", "a 中文", "sox x.flac - |"),
    Utterance("b-1", "b", "one", "/x y.wav"),
    Utterance("a-1", "a", "two", "/z.wav"),
]


def test_tables_are_sorted(tmp_path):
    write_data_dir(UTTERANCES, tmp_path / "train")
    read = {path.name: path.read_text("utf-8") for path in (tmp_path / "train").iterdir()}
    assert read == {
        "wav.scp": "a-1 /z.wav\nb-1 /x y.wav\nb-2 sox x.flac - |\n",
        "text": "a-1 two\nb-1 one\nb-2 a 中文\n",
        "utt2spk": "a-1 a\nb-1 b\nb-2 b\n",
        "spk2utt": "a a-1\nb b-1 b-2\n",
    }


def test_languages_are_written_if_all_are_known(tmp_path):
    utts = [Utterance(f"s-{n}", "s", "go", "a.wav", language_name="cy") for n in range(2)]
    write_data_dir(utts, tmp_path / "train")
    assert (tmp_path / "train/utt2lang").read_text() == "s-0 cy\ns-1 cy\n"
    write_data_dir([*utts, Utterance("s-2", "s", "go", "a.wav")], tmp_path / "train")
    assert not (tmp_path / "train/utt2lang").exists()
    with pytest.raises(InputError, match="the language id 'en US' .* must be one word"):
        write_data_dir([dataclasses.replace(utts[0], language_name="en US")], tmp_path / "train")


def test_speakers_are_sorted_whatever_their_utterances_are_called(tmp_path):
    utterances = [Utterance("1", "y", "one", "/1.wav"), Utterance("2", "x", "two", "/2.wav")]
    write_data_dir(utterances, tmp_path / "train")
    assert (tmp_path / "train" / "spk2utt").read_text() == "x 2\ny 1\n"


def test_an_empty_transcript_is_a_line_of_the_id_alone(tmp_path):
    write_data_dir([Utterance("a-1", "a", "", "/z.wav")], tmp_path / "train")
    assert (tmp_path / "train" / "text").read_text() == "a-1\n"


def test_parts_of_recordings_are_segments(tmp_path):
    utterances = [
        Utterance("a-2", "a", "x", "/tape.wav", 1.25, 2.0, recording="tape"),
        Utterance("a-1", "a", "x", "/tape.wav", None, 1.25, recording="tape"),
        Utterance("a-3", "a", "x", "/single.wav"),
    ]
    write_data_dir(utterances, tmp_path / "train")
    assert (tmp_path / "train/wav.scp").read_text() == "a-3 /single.wav\ntape /tape.wav\n"
    assert (tmp_path / "train/segments").read_text() == (
        "a-1 tape 0 1.25\na-2 tape 1.25 2\na-3 a-3 0 -1\n"
    )


def test_nothing_of_the_old_directory_stays(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "feats.scp").write_text("stale\n")
    write_data_dir(UTTERANCES, tmp_path / "train")
    assert not (tmp_path / "train" / "feats.scp").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        ([], "train: there are no utterances"),
        ([UTTERANCES[0]] * 2, "utterance b-2 appears twice"),
        ([Utterance("a 1", "a", "x", "a.wav")], r"utterance id 'a 1' \(a\.wav\) must be one word"),
        ([Utterance("a-1", "", "x", "a.wav")], "speaker id '' .* must be one word"),
        ([Utterance("a-1", "a", "x", "\udce9.wav")], r"name '\\udce9\.wav' is not valid UTF-8"),
        ([Utterance("a-1", "a", "x\ny", "a.wav")], r"utterance a-1 contains a line break: 'x\\ny'"),
        (
            [
                Utterance(f"a-{number}", "a", "x", f"{number}.wav", recording="r", start_sec=1.0)
                for number in (1, 2)
            ],
            r"recording r has the entries 1\.wav and 2\.wav",
        ),
        (
            [Utterance("a-1", "a", "x", "a.wav", recording="r 1", start_sec=1.0)],
            "the recording id 'r 1' .* must be one word",
        ),
    ],
)
def test_faults_are_named_and_the_old_directory_stays(tmp_path, utterances, message):
    write_data_dir(UTTERANCES, tmp_path / "train")
    with pytest.raises(InputError, match=message):
        write_data_dir(utterances, tmp_path / "train")
    assert len((tmp_path / "train" / "text").read_text("utf-8").splitlines()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_a_directory_of_other_content_is_not_removed(tmp_path):
    (tmp_path / "data" / "test").mkdir(parents=True)
    with pytest.raises(InputError, match="data has content, but is not a data directory"):
        write_data_dir(UTTERANCES, tmp_path / "data")
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "test"]


def test_a_directory_behind_a_link_is_written_there(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "train").symlink_to("disk")
    for _ in range(2):
        write_data_dir(UTTERANCES, tmp_path / "train")
    assert (tmp_path / "train").is_symlink() and (tmp_path / "disk" / "text").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "train"]


def test_sets_are_described(tmp_path, capsys):
    write_sets({"train": UTTERANCES, "test": iter(UTTERANCES[:1])}, tmp_path)
    assert capsys.readouterr().out == (
        "train: transcripts of 4 words with 9 characters\n"
        "test: transcripts of 2 words with 3 characters\n"
    )
