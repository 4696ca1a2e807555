"""Data directories merged into one."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.combine import combine_data

ONE = {"utt2spk": "b-1 b\n", "text": "b-1 B\n", "utt2dur": "b-1 2\n", "wav.scp": "b-1 b.wav\n"}
TWO = {"utt2spk": "a-1 a\na-2 a\n", "text": "a-1 A\na-2 C\n", "wav.scp": "r a.wav\n"}
TWO |= {"segments": "a-1 r 0 1\na-2 r 1 2\n"}


@pytest.fixture
def sources(tmp_path):
    return [write_tables(tmp_path / "one", ONE), write_tables(tmp_path / "two", TWO)]


def test_tables_are_merged_and_sorted_and_missing_segments_generated(sources, tmp_path):
    said = []
    write_tables(tmp_path / "all", {"text": "old OLD\n", "stm": ""})
    combine_data(tmp_path / "all", sources, (), said.append)
    assert read_tables(tmp_path / "all") == {
        "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
        "spk2utt": "a a-1 a-2\nb b-1\n",
        "text": "a-1 A\na-2 C\nb-1 B\n",
        "segments": "a-1 r 0 1\na-2 r 1 2\nb-1 b-1 0 2\n",
        "wav.scp": "b-1 b.wav\nr a.wav\n",
    }
    assert "[info]: **not combining utt2dur as it does not exist everywhere**" in said
    assert f"[info]: will generate missing segments for {sources[0]}" in said
    assert "combined text" in said


def test_settings_of_features_must_agree(sources, tmp_path):
    for source, num_bins in zip(sources, (80, 40)):
        settings = {"feats.scp": "x y:1\n", "conf/fbank.yaml": f"num_mel_bins: {num_bins}\n"}
        write_tables(source, settings)
    with pytest.raises(InputError, match="num_mel_bins is 80 in .*one.*, but 40 in .*two"):
        combine_data(tmp_path / "all", sources, (), print)
    assert not (tmp_path / "all").exists()
    write_tables(sources[1], {"conf/fbank.yaml": "num_mel_bins:   80\n"})
    combine_data(tmp_path / "all", sources, (), print)
    assert (tmp_path / "all/conf/fbank.yaml").read_text() == "num_mel_bins: 80\n"


def test_frame_shifts_must_agree(sources, tmp_path):
    for source, shift in zip(sources, ("0.01", "0.02")):
        write_tables(source, {"feats.scp": "x y:1\n", "frame_shift": shift})
    with pytest.raises(InputError, match="different frame_shift in directories"):
        combine_data(tmp_path / "all", sources, (), print)


def test_a_target_may_be_a_link(sources, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "all").symlink_to("disk")
    for _ in range(2):
        combine_data(tmp_path / "all", sources, (), lambda message: None)
    assert (tmp_path / "all").is_symlink() and (tmp_path / "disk" / "utt2spk").is_file()


def test_a_target_that_is_or_holds_a_source_is_refused(sources, tmp_path):
    with pytest.raises(InputError, match="the destination is one of the sources"):
        combine_data(sources[0], sources, (), print)
    with pytest.raises(InputError, match="the destination .* contains the source"):
        combine_data(tmp_path, sources, (), print)
    with pytest.raises(InputError, match="no such file .*none/utt2spk"):
        combine_data(tmp_path / "all", [tmp_path / "none"], (), print)
