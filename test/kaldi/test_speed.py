"""Speed perturbation of data directories."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.speed import perturb_data_dir_speed

SOURCE = {
    "utt2spk": "a-1 a\na-2 a\n",
    "text": "a-1 ONE\na-2 TWO\n",
    "segments": "a-1 r 0.9 1.8\na-2 r 2 2.005\n",
    "wav.scp": "r r.wav\n",
    "utt2dur": "a-1 0.9\na-2 0.005\n",
    "reco2dur": "r 4.5\n",
    "feats.scp": "a-1 x:1\na-2 x:2\n",
}


def test_ids_times_and_entries_change(tmp_path):
    source = write_tables(tmp_path / "source", SOURCE)
    perturb_data_dir_speed(source, tmp_path / "fast", "0.9", True, print)
    assert read_tables(tmp_path / "fast") == {
        "utt2spk": "sp0.9-a-1 sp0.9-a\nsp0.9-a-2 sp0.9-a\n",
        "spk2utt": "sp0.9-a sp0.9-a-1 sp0.9-a-2\n",
        "text": "sp0.9-a-1 ONE\nsp0.9-a-2 TWO\n",
        "segments": "sp0.9-a-1 sp0.9-r 1.00 2.00\n",  # the other one is too short
        "wav.scp": "sp0.9-r python3 -m moeasr.bin.perturb_speed 0.9 r.wav |\n",
        "utt2dur": "sp0.9-a-1 1\nsp0.9-a-2 0.00555556\n",
        "reco2dur": "sp0.9-r 5\n",
        "utt2uniq": "sp0.9-a-1 a-1\nsp0.9-a-2 a-2\n",
    }


def test_without_a_prefix_speakers_stay(tmp_path):
    source = write_tables(tmp_path / "source", SOURCE)
    perturb_data_dir_speed(source, tmp_path / "fast", "1.1", False, print)
    assert read_tables(tmp_path / "fast")["utt2spk"] == "a-1-sp1.1 a\na-2-sp1.1 a\n"


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        ("fast", "the speed factor must be a positive number, but is 'fast'"),
        ("-1", "the speed factor must be a positive number, but is '-1'"),
        ("nan", "the speed factor must be a positive number, but is 'nan'"),
        ("50", "the speed factor must be between 0.1 and 10, but is 50"),
    ],
)
def test_a_factor_out_of_range_is_refused(tmp_path, factor, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        perturb_data_dir_speed(tmp_path, tmp_path / "fast", factor, True, print)
    source = write_tables(tmp_path / "source", {"utt2spk": "a a\n"})
    with pytest.raises(InputError, match="no such file .*wav.scp"):
        perturb_data_dir_speed(source, tmp_path / "fast", "0.9", True, print)


def test_a_segment_is_measured_at_its_new_speed(tmp_path):
    """10.5 ms become 9.5 ms, less than the 10 ms that a segment must have."""
    source = write_tables(
        tmp_path / "source",
        {
            **{"utt2spk": "a-1 a\na-2 a\n", "wav.scp": "r r.wav\n", "reco2dur": "r 4.5\n"},
            **{"segments": "a-1 r 0.9 1.8\na-2 r 2 2.0105\n", "utt2dur": "a-1 0.9\na-2 0.0105\n"},
        },
    )
    perturb_data_dir_speed(source, tmp_path / "fast", "1.1", True, print)
    assert read_tables(tmp_path / "fast")["segments"] == "sp1.1-a-1 sp1.1-r 0.82 1.64\n"
