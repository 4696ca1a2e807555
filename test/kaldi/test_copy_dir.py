"""Copies of data directories, with prefixes and suffixes on the ids."""

from tables import read_tables, write_tables

from moeasr.kaldi.copy_dir import Affixes, copy_data_dir

SOURCE = {
    "utt2spk": "a-1 a\nb-1 b\n",
    "text": "a-1 ONE  TWO\nb-1 ONE\n",
    "wav.scp": "a-1 a.wav\nb-1 b.wav\n",
    "spk2gender": "a f\nb m\n",
    "frame_shift": "0.01\n",
}


def test_a_plain_copy_keeps_everything(tmp_path):
    source = write_tables(tmp_path / "source", SOURCE)
    said = []
    write_tables(tmp_path / "copy", {"cmvn.scp": "old x\n"})
    copy_data_dir(source, tmp_path / "copy", Affixes(), said.append)
    assert read_tables(tmp_path / "copy") == SOURCE | {"spk2utt": "a a-1\nb b-1\n"}
    assert said[0] == f"copied data from {source} to {tmp_path / 'copy'}"
    assert said[1].startswith("file cmvn.scp exists in dest")
    assert (tmp_path / "copy/.backup/cmvn.scp").read_text() == "old x\n"


def test_ids_change_everywhere_and_the_old_ones_are_remembered(tmp_path):
    source = write_tables(tmp_path / "source", SOURCE)
    affixes = Affixes(spk_prefix="p_", utt_prefix="p_", utt_suffix="-x", spk_suffix="-y")
    copy_data_dir(source, tmp_path / "copy", affixes, print)
    assert read_tables(tmp_path / "copy") == {
        "utt2spk": "p_a-1-x p_a-y\np_b-1-x p_b-y\n",
        "spk2utt": "p_a-y p_a-1-x\np_b-y p_b-1-x\n",
        "text": "p_a-1-x ONE  TWO\np_b-1-x ONE\n",
        "wav.scp": "p_a-1-x a.wav\np_b-1-x b.wav\n",
        "spk2gender": "p_a-y f\np_b-y m\n",
        "utt2uniq": "p_a-1-x a-1\np_b-1-x b-1\n",
        "frame_shift": "0.01\n",
    }


def test_recordings_of_segments_keep_their_ids(tmp_path):
    files = {"utt2spk": "a-1 a\n", "segments": "a-1 r 0.5 1\n", "wav.scp": "r r.wav\n"}
    source = write_tables(tmp_path / "source", files)
    copy_data_dir(source, tmp_path / "copy", Affixes(utt_prefix="p_"), print)
    copied = read_tables(tmp_path / "copy")
    assert copied["segments"] == "p_a-1 r 0.5 1\n" and copied["wav.scp"] == "r r.wav\n"
