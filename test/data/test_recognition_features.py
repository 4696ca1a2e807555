"""The features of sets to recognise: their lengths before they are read, and what is read."""

import audio_sets
import pytest
import torch

from moeasr.audio.recording import read_audio
from moeasr.data.data_type import DATA_TYPES, find_data_type
from moeasr.data.feature_settings import read_settings, write_settings
from moeasr.data.recognition_features import recognition_features
from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig


def test_what_is_recognised_has_no_dither(tmp_path):
    data_dir = audio_sets.whole_files(tmp_path)
    config = FbankConfig(num_mel_bins=20, dither=1.0)
    utterances = find_data_type("raw").open(data_dir)
    num_frames, read = recognition_features(data_dir, utterances, "raw", config)
    samples, _ = read_audio(str(tmp_path / "audio files/a.wav"), 16000)
    assert utterances[0].utt_id == "a"
    assert torch.equal(read(0), compute_fbank(samples, FbankConfig(num_mel_bins=20)))
    assert num_frames[0] == 61


@pytest.mark.parametrize("data_type", DATA_TYPES)
@pytest.mark.parametrize("make_set", [audio_sets.whole_files, audio_sets.segments])
def test_lengths_come_from_headers_where_no_table_lists_them(tmp_path, data_type, make_set):
    data_dir = audio_sets.prepare(make_set(tmp_path), data_type)
    utterances = find_data_type(data_type).open(data_dir)
    config = read_settings(data_dir)
    listed, read = recognition_features(data_dir, utterances, data_type, config)
    lines = (data_dir / "utt2num_frames").read_text().splitlines()
    assert listed.tolist() == [int(line.split()[1]) for line in lines]
    (data_dir / "utt2num_frames").write_text(lines[1] + "\n")
    partly, _ = recognition_features(data_dir, utterances, data_type, config)
    (data_dir / "utt2num_frames").unlink()
    measured, _ = recognition_features(data_dir, utterances, data_type, config)
    assert listed.tolist() == partly.tolist() == measured.tolist()
    assert [len(read(index)) for index in range(len(utterances))] == listed.tolist()


def test_listed_lengths_spare_a_look_at_the_audio(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "raw")
    utterances = find_data_type("raw").open(data_dir)
    (tmp_path / "audio files" / "a.wav").unlink()
    config = FbankConfig(num_mel_bins=20)
    num_frames, read = recognition_features(data_dir, utterances, "raw", config)
    assert num_frames[0] == 61
    with pytest.raises(InputError, match=r"^utterance a: audio file .*a\.wav does not exist$"):
        read(0)
    (data_dir / "utt2num_frames").unlink()
    with pytest.raises(InputError, match=r"^utterance a: audio file .*a\.wav does not exist$"):
        recognition_features(data_dir, utterances, "raw", config)


def test_stored_features_of_other_settings_are_refused(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "feats")
    utterances = find_data_type("feats").open(data_dir)
    config = FbankConfig(num_mel_bins=20)
    num_frames, read = recognition_features(data_dir, utterances, "feats", config)
    assert num_frames[0] == 61 and read(0).shape == (61, 20)
    others = FbankConfig(num_mel_bins=80)
    _, read = recognition_features(data_dir, utterances, "feats", others)
    fault = "utterance a .* have 20 bins, but 80 are expected"
    with pytest.raises(InputError, match=fault):
        read(0)
    (data_dir / "utt2num_frames").unlink()
    with pytest.raises(InputError, match=fault):
        recognition_features(data_dir, utterances, "feats", others)
    # as for those that do not fit what stands beside them
    write_settings(data_dir, others)
    with pytest.raises(InputError, match=fault):
        find_data_type("feats").open_reader(data_dir).read(utterances[0])
