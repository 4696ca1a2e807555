"""Shards: their content, and the conditions under which they are written again."""

import errno
import io
import os
import tarfile
from pathlib import Path

import audio_sets
import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.recording import RecordingReader
from moeasr.bin import make_shards
from moeasr.data.shards.reader import ShardEntry
from moeasr.data.shards.writer import ShardMaker
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_utterances
from moeasr.kaldi.copy_dir import Affixes, copy_data_dir


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six utterances in two shards."""
    return audio_sets.prepare(audio_sets.whole_files(tmp_path), "shard")


def shards_of(data_dir: Path) -> list[Path]:
    return sorted(data_dir.with_name("shards").glob("*.tar"))


def members(data_dir: Path) -> dict[str, bytes]:
    """Return the names and contents of all shards, read by Python's tarfile."""
    found = {}
    for path in shards_of(data_dir):
        with tarfile.open(path, "r:") as shard:
            found |= {member.name: shard.extractfile(member).read() for member in shard}
    return found


def entries(data_dir: Path) -> dict[str, str]:
    return dict(iter(Table(data_dir / "shards.scp")))


def test_members_are_audio_and_transcripts_in_wenets_form(data):
    found = members(data)
    names = {"a.wav", "b.flac", "stereo.wav", "narrow.wav", "pipe.wav", "decoded.flac"}
    texts = {f"{Path(name).stem}.txt" for name in names}
    assert set(found) == names | texts
    assert {found[name] for name in texts} == {b"ab ba"}
    audio = data.with_name("audio files")
    for name in ("a.wav", "b.flac", "stereo.wav", "narrow.wav"):
        assert found[name] == (audio / name).read_bytes()
    assert found["decoded.flac"] == (audio / "b.flac").read_bytes()
    listed = data.with_name("shards").joinpath("set_shard.list").read_text().splitlines()
    assert listed == [str(path) for path in shards_of(data)] and len(listed) == 2
    assert {path.name for path in shards_of(data)} == {f"set_shard_00000000{n}.tar" for n in (0, 1)}


def test_other_audio_is_stored_in_16_bits_if_that_is_exact(tmp_path):
    source = audio_sets.segments(tmp_path)
    data_dir = audio_sets.prepare(source, "shard")
    whole, _ = RecordingReader().read(str(tmp_path / "long.flac"))
    for utt, (start, end) in {"u1": (1600, 11200), "u2": (8000, 21328)}.items():
        audio = soundfile.SoundFile(io.BytesIO(members(data_dir)[f"{utt}.wav"]))
        assert audio.subtype == "PCM_16"
        assert torch.equal(torch.from_numpy(audio.read(dtype="float32")), whole[start:end])
    perturbed = audio_sets.prepare(audio_sets.at_three_speeds(source), "shard")
    audio = soundfile.SoundFile(io.BytesIO(members(perturbed)["sp0.9-u1.wav"]))
    assert (audio.subtype, audio.frames) == ("FLOAT", 10720)


def test_extreme_samples_are_exact(tmp_path):
    samples = np.array([-32768, 32767, 0, 1, -1] * 4000, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    soundfile.write(tmp_path / "loud.wav", [1.0, -1.0, 0.5, 0.0] * 4000, 16000, subtype="FLOAT")
    wav = {"a": tmp_path / "a.wav", "b": f"head -c 999999 {tmp_path}/a.wav |"}
    wav["loud"] = f"head -c 999999 {tmp_path}/loud.wav |"
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=dict.fromkeys(wav, "a"))
    data_dir = audio_sets.prepare(source, "shard")
    for name in ("a.wav", "b.wav"):
        content = io.BytesIO(members(data_dir)[name])
        assert (soundfile.read(content, dtype="int16")[0] == samples).all()
    loud = io.BytesIO(members(data_dir)["loud.wav"])
    assert soundfile.read(loud, dtype="float32")[0].max() == 1.0  # 16 bits end below


def times(data_dir: Path) -> list[int]:
    return [path.stat().st_mtime_ns for path in shards_of(data_dir)]


def test_only_what_is_missing_or_has_changed_is_made_again(data):
    before, scp = times(data), (data / "shards.scp").read_text()
    audio_sets.make_shards_of(data)
    assert times(data) == before
    for spoil in (
        lambda: shards_of(data)[0].unlink(),
        lambda: shards_of(data)[0].with_suffix(".json").write_text("{"),
        lambda: os.truncate(shards_of(data)[0], 3000),
    ):
        spoil()
        audio_sets.make_shards_of(data)
        after = times(data)
        assert after[1] == before[1] and after[0] != before[0]
        assert (data / "shards.scp").read_text() == scp
        before = after
    first = sorted(entries(data).items())[0]
    place = shards_of(data).index(Path(ShardEntry.parse(first[1]).path))
    (data / "text").write_text((data / "text").read_text().replace("a ab ba\n", "a bb\n", 1))
    audio_sets.make_shards_of(data)
    assert members(data)["a.txt"] == b"bb"
    assert times(data)[1 - place] == before[1 - place] and times(data)[place] != before[place]
    audio = data.with_name("audio files") / "a.wav"
    audio_sets.write_audio(audio, 0.9)
    audio_sets.make_shards_of(data)
    assert members(data)["a.wav"] == audio.read_bytes()
    assert "a 90\n" in (data / "utt2num_frames").read_text()
    audio.write_bytes(audio.read_bytes()[:-2] + b"\1\0")  # as long as before
    audio_sets.make_shards_of(data)
    assert members(data)["a.wav"] == audio.read_bytes()


def test_a_segment_with_new_times_is_written_again(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.segments(tmp_path), "shard")
    table = data_dir / "segments"
    table.write_text(table.read_text().replace("u1 r1 0.1 0.7\n", "u1 r1 0.2 0.8\n"))
    audio_sets.make_shards_of(data_dir)
    samples, _ = soundfile.read(io.BytesIO(members(data_dir)["u1.wav"]), dtype="float32")
    whole, _ = RecordingReader().read(str(tmp_path / "long.flac"))
    assert torch.equal(torch.from_numpy(samples), whole[3200:12800])


@pytest.mark.parametrize("pipe", ["", "python3 -m moeasr.bin.perturb_volume 0.5 "])
def test_other_audio_at_the_same_place_of_an_archive_is_written(tmp_path, pipe):
    """Cases: entries `file.ark:offset`, alone and behind a command of moeasr."""
    stored = {}
    for number in (0, 1):
        audio_sets.write_audio(tmp_path / "a.wav", 0.5 + number / 100)
        audio = (tmp_path / "a.wav").read_bytes()
        (tmp_path / "wav.ark").write_bytes(b"u " + audio)
        wav = {"u": f"{pipe}{tmp_path}/wav.ark:2" + (" |" if pipe else "")}
        data = tmp_path / "set"
        if number == 0:
            audio_sets.write_dir(data, wav_scp=wav, text={"u": "a"})
        audio_sets.make_shards_of(data)
        stored[number] = members(data)["u.wav"]
    assert stored[0] != stored[1]


def test_a_shard_is_a_random_sample_of_the_set_by_its_seed(tmp_path):
    """Each of 6 utterances is in the first of 2 shards in half of 32 cases (4 sigma: 11.3)."""
    source = audio_sets.whole_files(tmp_path)
    utterances = open_utterances(source / "wav.scp").with_texts(Table(source / "text"))

    def first_shard(seed: int, folder: str) -> set[str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        prefix = str(tmp_path / folder / f"{seed}")
        maker = ShardMaker(utterances, prefix, 3, seed)
        return {utterance.length.utt_id for utterance in maker.make(0)}

    found = [first_shard(seed, "one") for seed in range(32)]
    for name in ("a", "b", "stereo", "narrow", "pipe", "decoded"):
        assert abs(sum(name in shard for shard in found) - 16) < 11.3
    assert first_shard(3, "other") == found[3]


def test_a_recording_behind_a_command_is_decoded_once(tmp_path):
    audio_sets.write_audio(tmp_path / "a.wav", 2.0)
    log = tmp_path / "log"
    wav = {f"r{n}": f"echo {n} >> {log}; cat {tmp_path}/a.wav |" for n in range(3)}
    parts = {f"u{n}": f"r{n % 3} {n / 10} {n / 10 + 0.5}" for n in range(12)}
    text = dict.fromkeys(parts, "a")
    folder = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, segments=parts, text=text)
    config = ["--fbank-config", str(tmp_path / "fbank.yaml"), "--nj", "1"]
    make_shards.main([*config, str(folder), str(tmp_path / "shards")])
    assert sorted(log.read_text().split()) == ["0", "1", "2"]


def test_a_pipe_that_selects_a_channel_stores_only_that_channel(tmp_path):
    stereo = audio_sets.write_audio(tmp_path / "a.wav", 0.5, channels=2)
    wav = {"left": f"sox {stereo} -t wav - remix 1 |", "right": f"sph2pipe -f wav -c 2 {stereo} |"}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=dict.fromkeys(wav, "a"))
    found = members(audio_sets.prepare(source, "shard"))
    samples, _ = soundfile.read(stereo, dtype="int16")
    for channel, name in enumerate(wav):
        stored, _ = soundfile.read(io.BytesIO(found[f"{name}.wav"]), dtype="int16")
        assert np.array_equal(stored, samples[:, channel])


def test_unreadable_audio_is_tried_again(tmp_path, capsys):
    wav = {f"u{n:02d}": audio_sets.write_audio(tmp_path / f"{n}.wav", 0.3) for n in range(20)}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=dict.fromkeys(wav, "a"))
    away = wav["u07"].rename(tmp_path / "away")
    data_dir = audio_sets.prepare(source, "shard")
    assert len(entries(data_dir)) == 19
    away.rename(wav["u07"])
    audio_sets.make_shards_of(data_dir)
    assert len(entries(data_dir)) == 20


def test_a_disk_error_names_the_audio_file_and_not_the_shard(data, monkeypatch):
    audio = data.with_name("audio files") / "a.wav"
    read_bytes = Path.read_bytes

    def fail(path):
        if path == audio:
            raise OSError(errno.EIO, "Input/output error")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    shards_of(data)[0].unlink()
    shards_of(data)[0].unlink()
    with pytest.raises(SystemExit, match="at least 95 % must"):
        audio_sets.make_shards_of(data)


def test_shards_of_a_larger_set_do_not_stay(data):
    other = data.with_name("shards") / "set_shard_x_000000009.tar"
    other.touch()
    for name in ("wav.scp", "text", "utt2spk", "spk2utt"):
        lines = (data / name).read_text().splitlines(keepends=True)
        (data / name).write_text("".join(lines[:2]))
    audio_sets.make_shards_of(data)
    assert [path.name for path in shards_of(data)] == ["set_shard_000000000.tar", other.name]
    assert [path.name for path in other.parent.glob("*.json")] == ["set_shard_000000000.json"]
    assert list(entries(data)) == ["a", "b"]


def test_a_missing_transcript_is_rejected_before_any_shard_is_written(tmp_path):
    source = audio_sets.whole_files(tmp_path)
    (source / "text").write_text("a x\n")
    with pytest.raises(SystemExit, match=r"text has no line for utterance b; to remove the utt"):
        audio_sets.prepare(source, "shard")
    assert not (tmp_path / "shards").exists()


def test_renamed_and_chosen_utterances_are_found(data):
    copy = data.with_name("copy")
    copy_data_dir(data, copy, Affixes(utt_prefix="x-", spk_prefix="x-"), audio_sets.silent)
    renamed = audio_sets.features(copy, "shard")
    for utt, feats in audio_sets.features(data, "shard").items():
        assert torch.equal(renamed[f"x-{utt}"], feats)
