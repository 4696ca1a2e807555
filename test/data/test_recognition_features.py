"""The features of sets to decode: their expected lengths, and their values."""

import tracemalloc

import audio_sets
import pytest
import torch

from moeasr.audio.recording import RecordingReader, resample
from moeasr.data.data_type import DATA_TYPES, find_data_type
from moeasr.data.feature_settings import read_settings, write_settings
from moeasr.data.recognition_features import recognition_features
from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig


def test_features_for_decoding_have_no_dither(tmp_path):
    data_dir = audio_sets.whole_files(tmp_path)
    config = FbankConfig(num_mel_bins=20, dither=1.0)
    utterances = find_data_type("raw").open(data_dir)
    num_frames, read = recognition_features(data_dir, utterances, "raw", config)
    samples, _ = resample(*RecordingReader().read(str(tmp_path / "audio files/a.wav")), 16000)
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


@pytest.mark.parametrize("table", ["feats.scp", "wav.scp"])
def test_memory_of_an_open_directory_is_about_a_hundred_bytes_an_utterance(tmp_path, table):
    """A dict of utterances and entries would take 300 bytes."""
    num_utts = 5000
    ids = [f"speaker{n // 300:05d}-recording{n // 20:07d}-{n:08d}" for n in range(num_utts)]
    (tmp_path / table).write_text("".join(f"{utt} {tmp_path}/x.ark:5\n" for utt in ids))
    (tmp_path / "utt2num_frames").write_text("".join(f"{utt} 123\n" for utt in ids))
    data_type = {"feats.scp": "feats", "wav.scp": "raw"}[table]
    find_data_type(data_type).open(tmp_path)  # what is imported once does not count
    tracemalloc.start()
    try:
        utterances = find_data_type(data_type).open(tmp_path)
        features = recognition_features(tmp_path, utterances, data_type, FbankConfig())
        num_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert features[0].tolist() == [123] * num_utts
    assert num_bytes < 120 * num_utts
