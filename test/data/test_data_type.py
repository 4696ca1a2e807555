"""Stored features, audio files and shards: one set, one result."""

import pickle
from pathlib import Path

import audio_sets
import kaldiio
import numpy as np
import pytest
import torch

from moeasr.bin import compute_cmvn
from moeasr.data.data_type import DATA_TYPES, data_type_of, find_data_type
from moeasr.data.dataset import AsrDataset
from moeasr.data.feature_settings import write_settings
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig

FROM_AUDIO = [name for name in DATA_TYPES if name != "feats"]


def compute_statistics(data_dir: Path, data_type: str, nj: int) -> str:
    out = data_dir / "global_cmvn"
    options = ["--data-dir", str(data_dir), "--data-type", data_type, "--nj", str(nj)]
    compute_cmvn.main([*options, "--out", str(out)])
    return out.read_text()


@pytest.mark.parametrize("make_set", [audio_sets.whole_files, audio_sets.segments])
@pytest.mark.parametrize("dither", [0.0, 1.0])
def test_features_lengths_and_statistics_are_those_of_stored_features(tmp_path, make_set, dither):
    """The test covers three speeds, resampling, mixing, segments and pipes."""
    source = audio_sets.at_three_speeds(make_set(tmp_path))
    (tmp_path / "fbank.yaml").write_text(f"num_mel_bins: 20\ndither: {dither}\n")
    dirs = {data_type: audio_sets.prepare(source, data_type) for data_type in DATA_TYPES}
    stored = audio_sets.features(dirs["feats"], "feats")
    assert len(stored) == len((source / "utt2spk").read_text().splitlines()) >= 12
    statistics = set()
    for data_type, data_dir in dirs.items():
        torch.set_num_threads(2)  # a product that is split over threads would round differently
        found = audio_sets.features(data_dir, data_type)
        assert torch.get_num_threads() == 2
        assert list(found) == list(stored)
        for utt, feats in stored.items():
            assert torch.equal(found[utt], feats), (data_type, utt)
        for table in ("utt2num_frames", "utt2dur", "frame_shift", "conf/fbank.yaml"):
            assert (data_dir / table).read_text() == (dirs["feats"] / table).read_text(), table
        statistics.add(compute_statistics(data_dir, data_type, 1 if data_type == "feats" else 2))
    assert len(statistics) == 1


def test_the_number_of_processes_does_not_change_the_files(tmp_path):
    one = audio_sets.whole_files(tmp_path / "one")
    two = audio_sets.whole_files(tmp_path / "two")
    for data_type in FROM_AUDIO:
        a, b = audio_sets.prepare(one, data_type), audio_sets.prepare(two, data_type, nj=2)
        assert (a / "utt2num_frames").read_text() == (b / "utt2num_frames").read_text()
        if data_type == "shard":
            entries = (a / "shards.scp").read_text(), (b / "shards.scp").read_text()
            assert entries[0].replace(str(tmp_path / "one"), str(tmp_path / "two")) == entries[1]


def test_what_a_directory_is_ready_for(tmp_path):
    assert data_type_of(tmp_path) == "feats"
    (tmp_path / "wav.scp").touch()
    assert data_type_of(tmp_path) == "raw"
    (tmp_path / "shards.scp").touch()
    assert data_type_of(tmp_path) == "shard"
    (tmp_path / "feats.scp").touch()
    assert data_type_of(tmp_path) == "feats"
    with pytest.raises(
        InputError, match="the data type must be one of feats, shard, raw, but is 'kaldi'"
    ):
        find_data_type("kaldi")


def load(data_dir: Path, data_type: str) -> AsrDataset:
    limits = LengthLimits(min_frames=1)
    utterances, _ = load_utterances(data_dir, None, lambda n: n // 4, limits, data_type=data_type)
    reader = find_data_type(data_type).open_reader(data_dir)
    return AsrDataset(utterances, None, None, None, 0, reader)


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_a_dataset_can_be_pickled_for_a_spawned_process(tmp_path, data_type):
    dataset = load(audio_sets.prepare(audio_sets.whole_files(tmp_path), data_type), data_type)
    before = dataset[0, 2]
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[0, 2].feats, before.feats)


def test_stored_features_without_frames_have_bins_all_the_same(tmp_path):
    """Kaldi stores empty features as 0 x 0."""
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"u": np.zeros((0, 0), np.float32)})
    write_settings(tmp_path, FbankConfig(num_mel_bins=20))
    reader = find_data_type("feats").open_reader(tmp_path)
    assert reader.read(Utterance("u", None, "", f"{tmp_path}/x.ark:2")).shape == (0, 20)


def test_segments_of_commands_give_a_warning(tmp_path, capsys):
    audio_sets.prepare(audio_sets.segments(tmp_path), "raw")
    assert "make_raw: warning: wav.scp has commands" in capsys.readouterr().out
    audio_sets.prepare(audio_sets.whole_files(tmp_path / "whole"), "raw")
    said = capsys.readouterr().out
    assert "has commands" not in said
    assert "1 utterance is resampled from 8000 Hz to 16000 Hz" in said


@pytest.mark.parametrize(
    ("data_type", "table", "script"),
    [
        ("feats", "feats.scp", "make_fbank.sh"),
        ("raw", "wav.scp", "make_raw.sh"),
        ("raw", "utt2num_frames", "make_raw.sh"),
        ("shard", "shards.scp", "make_shards.sh"),
        ("shard", "utt2num_frames", "make_shards.sh"),
    ],
)
def test_what_is_missing_is_named_with_what_makes_it(tmp_path, data_type, table, script):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), data_type)
    (data_dir / table).unlink()
    with pytest.raises(InputError) as error:
        load(data_dir, data_type)
    assert str(error.value) == f"{data_dir} has no {table}; create it with utils/{script}"


def test_a_directory_without_utterances_is_named(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "raw")
    (data_dir / "wav.scp").write_text("")
    with pytest.raises(InputError, match="set_raw/wav.scp contains no utterances$"):
        load(data_dir, "raw")


def test_an_utterance_without_length_is_named(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "raw")
    table = data_dir / "utt2num_frames"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:3] + lines[4:]))
    with pytest.raises(
        InputError, match="utt2num_frames has no line for utterance narrow; run .*make_raw.sh"
    ):
        load(data_dir, "raw")


def test_audio_that_vanished_or_changed_is_named_with_its_utterance(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "raw")
    dataset, audio = load(data_dir, "raw"), tmp_path / "audio files"
    assert dataset[0, 0].feats.shape == (61, 20)
    audio_sets.write_audio(audio / "a.wav", 0.5)
    with pytest.raises(InputError, match="utterance a have 50 frames, but utt2num_frames says 61"):
        dataset[0, 0]
    (audio / "a.wav").unlink()
    with pytest.raises(InputError, match=r"^utterance a: audio file .*a\.wav does not exist$"):
        dataset[0, 0]


def test_utterances_that_cannot_be_read_are_left_out_and_named(tmp_path, capsys):
    wav = {f"u{n:02d}": audio_sets.write_audio(tmp_path / f"{n}.wav", 0.3) for n in range(40)}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=dict.fromkeys(wav, "a"))
    wav["u07"].unlink()
    cut = wav["u09"].read_bytes()
    wav["u09"].write_bytes(cut[: len(cut) // 2])
    for data_type in FROM_AUDIO:
        data_dir = audio_sets.prepare(source, data_type)
        said = capsys.readouterr().out
        assert "left out 2 of 40 utterances" in said
        listed = (data_dir / "left_out.txt").read_text().splitlines()
        assert listed[0] == f"u07 audio file {wav['u07']} does not exist"
        assert listed[1].startswith("u09 ") and "is truncated" in listed[1]
        found = audio_sets.features(data_dir, data_type) if data_type == "shard" else {}
        lengths = (data_dir / "utt2num_frames").read_text()
        assert len(lengths.splitlines()) == 38 and "u07" not in {*found, *lengths.split()}
    for number in (1, 2):
        wav[f"u{number:02d}"].unlink()
    with pytest.raises(SystemExit, match="at least 95 % must"):
        audio_sets.prepare(source.rename(tmp_path / "again"), "raw")
