"""Changes of the audio of a data directory."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.wav_scp import (
    perturb_data_dir_volume,
    pipe_wav_scp,
    resample_data_dir,
)


def test_each_entry_has_its_own_command(tmp_path):
    path = write_tables(tmp_path, {"wav.scp": "a a.wav\nb b.wav\n"}) / "wav.scp"
    pipe_wav_scp(path, lambda recording: f"perturb_volume {recording.decode()}")
    assert path.read_text() == (
        "a python3 -m moeasr.bin.perturb_volume a a.wav |\n"
        "b python3 -m moeasr.bin.perturb_volume b b.wav |\n"
    )


def test_a_line_without_audio_changes_nothing(tmp_path):
    path = write_tables(tmp_path, {"wav.scp": "a a.wav\nb\n"}) / "wav.scp"
    with pytest.raises(InputError, match="wav.scp, line 2: 'b' names no audio"):
        pipe_wav_scp(path, lambda recording: "resample 8000")
    assert path.read_text() == "a a.wav\nb\n"


def test_a_resampled_directory_has_no_features(tmp_path):
    files = {"wav.scp": "a a.wav\n", "utt2dur": "a 1\n", "feats.scp": "x", "cmvn.scp": "y"}
    data = write_tables(tmp_path, files)
    resample_data_dir(data, 8000, print)
    assert read_tables(data) == {
        "wav.scp": "a python3 -m moeasr.bin.resample 8000 a.wav |\n",
        "utt2dur": "a 1\n",
    }
    assert read_tables(data / ".backup") == {"feats.scp": "x", "cmvn.scp": "y"}
    with pytest.raises(InputError, match="must be between 1000 and 1000000 Hz, but is 10"):
        resample_data_dir(data, 10, print)


def test_volumes_are_given_or_drawn_the_same_each_time(tmp_path):
    drawn = []
    for name in ("one", "two"):
        data = write_tables(tmp_path / name, {"wav.scp": "a a.wav\nb b.wav\n"})
        perturb_data_dir_volume(data, print, 0.5, 1.5, write_reco2vol=data / "reco2vol")
        lines = (data / "reco2vol").read_text().splitlines()
        drawn.append([float(line.split()[1]) for line in lines])
        perturb_data_dir_volume(data, print)  # a second time does nothing
    assert drawn[0] == drawn[1] and all(0.5 <= volume <= 1.5 for volume in drawn[0])
    assert drawn[0][0] != drawn[0][1]
    given = write_tables(tmp_path / "given", {"wav.scp": "a a.wav\n", "reco2vol": "a 0.25\n"})
    perturb_data_dir_volume(given, print, reco2vol=given / "reco2vol")
    entry = "a python3 -m moeasr.bin.perturb_volume 0.25 a.wav |\n"
    assert (given / "wav.scp").read_text() == entry


@pytest.mark.parametrize(
    ("volumes", "message"),
    [("b 1\n", "Could not find volume for id a"), ("a nan\n", "volume 'nan' of a is not a number")],
)
def test_faults_of_volumes(tmp_path, volumes, message):
    data = write_tables(tmp_path, {"wav.scp": "a a.wav\n", "reco2vol": volumes})
    with pytest.raises(InputError, match=message):
        perturb_data_dir_volume(data, print, reco2vol=data / "reco2vol")
    assert (data / "wav.scp").read_text() == "a a.wav\n"


@pytest.mark.parametrize(
    "scales", [(float("nan"), 2.0), (0.0, 1.0), (2.0, 1.0), (1.0, float("inf"))]
)
def test_a_range_of_volumes_is_checked_before_anything_is_written(tmp_path, scales):
    data = write_tables(tmp_path, {"wav.scp": "a a.wav\n"})
    with pytest.raises(InputError, match="--scale-low must be above 0 and at most --scale-high"):
        perturb_data_dir_volume(data, print, *scales)
    assert (data / "wav.scp").read_text() == "a a.wav\n"
