"""Data directories made consistent."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.fix import fix_data_dir

GOOD = {
    "utt2spk": "a-1 a\nb-1 b\n",
    "spk2utt": "a a-1\nb b-1\n",
    "text": "a-1 ONE\nb-1 TWO\n",
    "wav.scp": "a-1 a.wav\nb-1 b.wav\n",
}


def fix(path, **options):
    said = []
    fix_data_dir(path, said.append, **options)
    return read_tables(path), said


def test_a_good_directory_keeps_its_files_and_their_dates(tmp_path):
    data = write_tables(tmp_path / "d", GOOD)
    before = {path.name: path.stat().st_mtime_ns for path in data.iterdir()}
    files, said = fix(data)
    assert files == GOOD and "kept all 2 utterances." in said
    assert {name: (data / name).stat().st_mtime_ns for name in before} == before
    assert read_tables(data / ".backup") == GOOD


def test_tables_are_sorted_and_repetitions_dropped(tmp_path):
    mixed = {"utt2spk": "b-1 b\na-1 a\n\n", "text": "b-1 TWO\na-1 ONE\nb-1 THREE\n"}
    data = write_tables(tmp_path / "d", GOOD | mixed)
    files, said = fix(data)
    assert files == GOOD
    assert f"file {data}/text is not in sorted order or not unique, sorting it" in said
    assert (data / ".backup/text").read_text() == mixed["text"]


def test_utterances_missing_from_one_table_are_removed_from_all(tmp_path):
    more = {"text": "a-1 ONE\nc-1 X\n", "utt2lang": "a-1 en\nb-1 en\n", "spk2gender": "a f\nb m\n"}
    files, said = fix(write_tables(tmp_path / "d", GOOD | more))
    assert files == {
        "utt2spk": "a-1 a\n",
        "spk2utt": "a a-1\n",
        "text": "a-1 ONE\n",
        "wav.scp": "a-1 a.wav\n",
        "utt2lang": "a-1 en\n",
        "spk2gender": "a f\n",
    }
    assert "kept 1 utterances out of 2" in said


def test_lengths_of_0_and_speakers_without_gender_are_dropped(tmp_path):
    more = {"utt2dur": "a-1 0\nb-1 1.5\n"}
    assert fix(write_tables(tmp_path / "d", GOOD | more))[0]["utt2spk"] == "b-1 b\n"
    files, said = fix(write_tables(tmp_path / "e", GOOD | {"spk2gender": "a f\n"}))
    assert files["utt2spk"] == "a-1 a\n"
    assert f"dropped 1 speaker that not all files of {tmp_path}/e have" in said


def test_recordings_are_those_of_segments(tmp_path):
    segments = {"segments": "a-1 r 0 1\nb-1 s 0 1\n", "wav.scp": "r r.wav\nt t.wav\n"}
    files, _ = fix(write_tables(tmp_path / "d", GOOD | segments))
    assert files["segments"] == "a-1 r 0 1\n" and files["wav.scp"] == "r r.wav\n"
    assert files["text"] == "a-1 ONE\n"


def test_tables_of_ones_own_follow(tmp_path):
    more = {"text": "a-1 ONE\n", "utt2x": "a-1 x\nb-1 y\n", "spk2x": "a x\nb y\n"}
    data = write_tables(tmp_path / "d", GOOD | more)
    files, _ = fix(data, utt_extra_files=["utt2x"], spk_extra_files=["spk2x"])
    assert files["utt2x"] == "a-1 x\n" and files["spk2x"] == "a x\n"


def test_tables_of_ones_own_may_be_in_a_subdirectory_but_not_elsewhere(tmp_path):
    (tmp_path / "d" / "extra").mkdir(parents=True)
    data = write_tables(tmp_path / "d", GOOD | {"text": "a-1 ONE\n"})
    (data / "extra" / "phones").write_text("a-1 x\nb-1 y\n")
    fix_data_dir(data, print, utt_extra_files=["extra/phones"])
    assert (data / "extra" / "phones").read_text() == "a-1 x\n"
    assert (data / ".backup" / "extra" / "phones").read_text() == "a-1 x\nb-1 y\n"
    for name in ("../x", str(data / "x")):
        with pytest.raises(InputError, match="an extra file must be in .*, but is "):
            fix_data_dir(data, print, utt_extra_files=[name])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"utt2spk": "a-1\n"}, "utt2spk: has a malformed line 'a-1'"),
        ({"text": "c-1 X\n"}, "no utterances remained: not proceeding further"),
        ({"utt2spk": "a-1 b\nb-1 a\n"}, r"utt2spk: not sorted by speaker; .*'a-1 b' comes before"),
        ({"segments": "a-1 x 0 1\n"}, "Empty list of recordings"),
    ],
)
def test_what_cannot_be_fixed_is_left_as_it_is(tmp_path, files, message):
    data = write_tables(tmp_path / "d", GOOD | files)
    with pytest.raises(InputError, match=message):
        fix(data)
    assert read_tables(data) == GOOD | files


def test_missing_directories_and_tables_are_named(tmp_path):
    with pytest.raises(InputError, match="no such directory .*none"):
        fix(tmp_path / "none")
    with pytest.raises(InputError, match="no such file .*utt2spk"):
        fix(tmp_path)
