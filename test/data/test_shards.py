"""Shards: what is written, what is read, what is wrong with them."""

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

from moeasr.audio.recording import read_audio
from moeasr.bin import index_shards, make_shards
from moeasr.data.shards.index import list_shard
from moeasr.data.shards.reader import ShardEntry, ShardReader, shard_numbers
from moeasr.data.shards.writer import ShardMaker
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_utterances
from moeasr.errors import InputError
from moeasr.kaldi.copy_dir import Affixes, copy_data_dir


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six utterances in two shards."""
    return audio_sets.prepare(audio_sets.whole_files(tmp_path), "shard")


def shards_of(data_dir: Path) -> list[Path]:
    return sorted(data_dir.with_name("shards").glob("*.tar"))


def members(data_dir: Path) -> dict[str, bytes]:
    """Names and contents of all shards, as anybody reads a tar file."""
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


def test_what_is_no_whole_file_is_stored_in_16_bits_if_that_is_exact(tmp_path):
    source = audio_sets.segments(tmp_path)
    data_dir = audio_sets.prepare(source, "shard")
    whole, _ = read_audio(str(tmp_path / "long.flac"), None)
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


def test_a_segment_whose_times_changed_is_cut_out_anew(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.segments(tmp_path), "shard")
    table = data_dir / "segments"
    table.write_text(table.read_text().replace("u1 r1 0.1 0.7\n", "u1 r1 0.2 0.8\n"))
    audio_sets.make_shards_of(data_dir)
    samples, _ = soundfile.read(io.BytesIO(members(data_dir)["u1.wav"]), dtype="float32")
    whole, _ = read_audio(str(tmp_path / "long.flac"), None)
    assert torch.equal(torch.from_numpy(samples), whole[3200:12800])


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


def test_of_a_pipe_that_takes_a_channel_only_that_is_stored(tmp_path):
    stereo = audio_sets.write_audio(tmp_path / "a.wav", 0.5, channels=2)
    wav = {"left": f"sox {stereo} -t wav - remix 1 |", "right": f"sph2pipe -f wav -c 2 {stereo} |"}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=dict.fromkeys(wav, "a"))
    found = members(audio_sets.prepare(source, "shard"))
    samples, _ = soundfile.read(stereo, dtype="int16")
    for channel, name in enumerate(wav):
        stored, _ = soundfile.read(io.BytesIO(found[f"{name}.wav"]), dtype="int16")
        assert np.array_equal(stored, samples[:, channel])


def test_what_could_not_be_read_is_tried_again(tmp_path, capsys):
    wav = {f"u{n:02d}": audio_sets.write_audio(tmp_path / f"{n}.wav", 0.3) for n in range(20)}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=dict.fromkeys(wav, "a"))
    away = wav["u07"].rename(tmp_path / "away")
    data_dir = audio_sets.prepare(source, "shard")
    assert len(entries(data_dir)) == 19
    away.rename(wav["u07"])
    audio_sets.make_shards_of(data_dir)
    assert len(entries(data_dir)) == 20


def test_a_disk_error_of_an_audio_file_is_not_laid_to_the_shard(data, monkeypatch):
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


def test_a_transcript_that_lacks_is_refused_before_anything_is_made(tmp_path):
    source = audio_sets.whole_files(tmp_path)
    (source / "text").write_text("a x\n")
    with pytest.raises(
        SystemExit, match=r"text has no line for utterance b; to remove the utterance"
    ):
        audio_sets.prepare(source, "shard")
    assert not (tmp_path / "shards").exists()


def test_renamed_and_chosen_utterances_are_found(data):
    copy = data.with_name("copy")
    copy_data_dir(data, copy, Affixes(utt_prefix="x-", spk_prefix="x-"), audio_sets.silent)
    renamed = audio_sets.features(copy, "shard")
    for utt, feats in audio_sets.features(data, "shard").items():
        assert torch.equal(renamed[f"x-{utt}"], feats)


def test_audio_of_whole_blocks_of_a_tar_file_is_found(tmp_path):
    """Blocks have 512 bytes: no padding follows such a member, and 511 bytes one that is larger."""
    for name, num_samples in {"whole": 20 * 256 - 22, "more": 20 * 256 - 21}.items():
        audio_sets.write_audio(tmp_path / f"{name}.wav", num_samples / 16000)
    assert (tmp_path / "whole.wav").stat().st_size == 20 * 512
    wav_scp = {name: tmp_path / f"{name}.wav" for name in ("whole", "more")}
    text = dict.fromkeys(wav_scp, "ab")
    data_dir = audio_sets.prepare(
        audio_sets.write_dir(tmp_path / "set", wav_scp=wav_scp, text=text), "shard"
    )
    for name, path in wav_scp.items():
        entry = ShardEntry.parse(entries(data_dir)[name])
        content = Path(entry.path).read_bytes()[entry.offset :]
        assert content.startswith(path.read_bytes())


def test_a_shard_cut_short_is_named(data):
    entry = ShardEntry.parse(entries(data)["stereo"])
    reader = ShardReader()
    reader.read(str(entry))
    for size, fault in (
        (entry.offset + 100, "it ends within stereo.wav"),
        (entry.offset, "it ends within stereo.wav"),
        (entry.offset - 100, "it ends before stereo.wav"),
        (0, "it ends before stereo.wav"),
    ):
        os.truncate(entry.path, size)
        with pytest.raises(InputError) as error:
            reader.read(str(entry))
        assert str(error.value) == f"shard {entry.path} is truncated: {fault}"
    Path(entry.path).unlink()
    with pytest.raises(InputError, match=f"^shard {entry.path} cannot be read: No such file"):
        ShardReader().read(str(entry))


def test_a_shard_of_another_index_is_named(data):
    places = {utt: ShardEntry.parse(entry) for utt, entry in entries(data).items()}
    wrong = places["a"]._replace(offset=places["a"].offset + 512)
    with pytest.raises(InputError, match=r"does not contain a\.wav at the offset in shards\.scp"):
        ShardReader().read(str(wrong))
    swapped = places["a"]._replace(offset=places["b"].offset, path=places["b"].path)
    with pytest.raises(InputError, match=r"does not contain a\.wav at the offset in shards\.scp"):
        ShardReader().read(str(swapped))
    one, other = shards_of(data)
    one.rename(one.with_name("x"))
    other.rename(one)
    one.with_name("x").rename(other)
    with pytest.raises(InputError, match="so that they belong together|truncated"):
        audio_sets.features(data, "shard")
    with pytest.raises(InputError, match="must be `member offset shard`, but is `a.wav x y`"):
        ShardReader().read("a.wav x y")


@pytest.mark.parametrize("size", [10**6, 8**11 - 1, 2**62])
def test_a_member_of_absurd_size_asks_for_no_memory(tmp_path, size):
    member = tarfile.TarInfo("a.wav")
    member.size = size
    path = tmp_path / "1.tar"
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1000))
    with pytest.raises(InputError, match=r"1\.tar is truncated: it ends within a\.wav"):
        ShardReader().read(f"a.wav 512 {path}")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [-512, -1024, 8**11 - 1, 2**40, 2**62])
def test_an_absurd_size_in_a_foreign_shard_is_one_sentence(tmp_path, kind, size):
    """A size of -1024 leads back to the same header, for ever."""
    member = tarfile.TarInfo("a.wav")
    member.type, member.size = kind, size
    (tmp_path / "1.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(2000))
    with pytest.raises(InputError, match=r"shard .*1\.tar is (not a tar file|truncated)"):
        list_shard(str(tmp_path / "1.tar"))


@pytest.mark.parametrize("offset", [0, 100, 10**30])
def test_a_place_that_no_shard_has_is_one_sentence(tmp_path, offset):
    path = tmp_path / "1.tar"
    path.write_bytes(bytes(2000))
    with pytest.raises(InputError, match=r"1\.tar is truncated: it ends before a\.wav"):
        ShardReader().read(f"a.wav {offset} {path}")
    with pytest.raises(InputError, match="must be `member offset shard`"):
        ShardReader().read(f"a.wav \u00b2 {path}")


def test_reading_ahead_changes_nothing(data):
    for entry in entries(data).values():
        assert torch.equal(
            ShardReader().read(entry)[0], ShardReader(read_ahead=True).read(entry)[0]
        )


def test_shards_are_numbered(data):
    numbers = shard_numbers(entries(data).values(), 6)
    assert sorted(numbers.tolist()) == [0, 0, 0, 1, 1, 1]


# shards that others made


def write_shard(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    """As WeNet writes them: Python's own format, a member's name as it is."""
    with tarfile.open(path, "w", format=form) as shard:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def sound(tmp_path: Path) -> bytes:
    return audio_sets.write_audio(tmp_path / "s.wav", 0.5).read_bytes()


def index(folder: Path, *shards: Path) -> Path:
    (folder / "fbank.yaml").write_text(audio_sets.FBANK)
    (folder / "data.list").write_bytes(os.fsencode("".join(f"{path}\n" for path in shards)))
    options = ["--nj", "1", "--fbank-config", str(folder / "fbank.yaml")]
    index_shards.main([*options, str(folder / "indexed"), str(folder / "data.list")])
    return folder / "indexed"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_shards_of_others_get_a_data_directory(tmp_path, sound, form):
    long = "x" * (110 if form != tarfile.USTAR_FORMAT else 90)
    name = "\u4f60" if form == tarfile.PAX_FORMAT else "c"
    shards = [
        write_shard(tmp_path / "1.tar", {"b.wav": sound, "b.txt": " \u4f60 \n".encode()}, form),
        write_shard(
            tmp_path / "2.tar",
            {
                **{"a.txt": b"A\n B\n", "a.wav": sound, f"{long}.txt": b"C", f"{long}.wav": sound},
                **{f"{name}.wav": sound, f"{name}.txt": b"", "readme.md": b"-"},
            },
            form,
        ),
    ]
    data_dir = index(tmp_path, *shards)
    keys = sorted(["a", "b", name, long], key=str.encode)
    texts = {"a": "A B", "b": "\u4f60", name: "", long: "C"}
    assert dict(iter(Table(data_dir / "text"))) == texts
    assert [key.decode() for key in Table(data_dir / "shards.scp").keys] == keys
    for table in ("utt2spk", "spk2utt"):  # every utterance is a speaker
        assert (data_dir / table).read_text() == "".join(f"{key} {key}\n" for key in keys)
    assert (data_dir / "utt2num_frames").read_text() == "".join(f"{key} 50\n" for key in keys)
    for feats in audio_sets.features(data_dir, "shard").values():
        assert feats.shape == (50, 20)


def test_audio_has_whatever_suffix_wenet_knows(tmp_path, sound):
    suffixes = ["wav", "flac", "mp3", "ogg", "opus"]
    files = {f"{suffix}.{suffix}": sound for suffix in suffixes}
    files |= {f"{suffix}.txt": suffix.encode() for suffix in suffixes}
    listed = list_shard(str(write_shard(tmp_path / "1.tar", files)))
    assert [(item.length.utt_id, item.text) for item in listed] == [(s, s) for s in suffixes]


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"a.wav": b"", "b.txt": b""}, "1.tar: a.wav is empty"),
        ({"a.txt": b"x"}, "1.tar: utterance a has a transcript, but no audio"),
        ({"a.txt": b"\xe9"}, "1.tar: a.txt is not valid UTF-8"),
        ({"a b.txt": b"x"}, "1.tar: a b.txt: the name of a member must not contain spaces"),
        ({"\udce9.txt": b"x"}, r"1.tar: '\\udce9.txt': the name is not UTF-8"),
        ({"a.wav": None}, "1.tar: utterance a has audio, but no transcript"),
        ({"a.wav": None, "a.flac": None}, "1.tar: a.flac: utterance a appears a second time"),
    ],
)
def test_what_is_wrong_with_a_shard_is_named_with_its_member(tmp_path, sound, files, fault):
    files = {name: sound if content is None else content for name, content in files.items()}
    with pytest.raises(SystemExit, match=f"^index_shards: shard .*{fault}"):
        index(tmp_path, write_shard(tmp_path / "1.tar", files))
    assert not (tmp_path / "indexed").exists()


def test_a_member_with_holes_is_refused(tmp_path):
    path = tmp_path / "1.tar"
    with tarfile.open(path, "w") as shard:
        member = tarfile.TarInfo("a.wav")
        member.type = tarfile.GNUTYPE_SPARSE
        shard.addfile(member)
    with pytest.raises(SystemExit, match=r"1\.tar: a\.wav: was packed with tar's --sparse"):
        index(tmp_path, path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_audio_that_was_cut_short_before_it_got_there_is_named(tmp_path, suffix):
    content = audio_sets.write_audio(tmp_path / f"s.{suffix}", 2.0).read_bytes()
    files = {f"a.{suffix}": content[: len(content) // 2], "a.txt": b"x"}
    with pytest.raises(SystemExit, match=rf"1\.tar: a\.{suffix} (is truncated|cannot be decoded)"):
        index(tmp_path, write_shard(tmp_path / "1.tar", files))
    assert not (tmp_path / "indexed").exists()


def test_lists_are_of_lines_in_utf_8_and_not_empty(tmp_path, sound):
    folder = tmp_path / "with space"
    folder.mkdir()
    shard = write_shard(folder / "1.tar", {"a.wav": sound, "a.txt": b"x"})
    assert index(tmp_path, shard).is_dir()
    with pytest.raises(SystemExit, match="indexed: the shards contain no utterances"):
        index(tmp_path, write_shard(tmp_path / "empty.tar", {"readme.md": b"-"}))
    with pytest.raises(SystemExit, match=r"data\.list is empty"):
        index(tmp_path)
    with pytest.raises(
        SystemExit, match=r"data\.list, line 1: not valid UTF-8 \(byte 1 of the line\)"
    ):
        index(tmp_path, Path("\udce9.tar"))


@pytest.mark.parametrize("keep", [0, 100, 10000, 17920, 18000])
def test_a_shard_cut_short_gets_no_directory(tmp_path, sound, keep):
    path = write_shard(tmp_path / "1.tar", {"a.wav": sound, "a.txt": b"x"})
    content = path.read_bytes()
    path.write_bytes(content[:keep])  # 17920 is where the members end and the end mark begins
    with pytest.raises(SystemExit, match=r"shard .*1\.tar is truncated or not a tar file"):
        index(tmp_path, path)
    path.write_bytes(content[:19000])  # only padding lacks
    index(tmp_path, path)


def test_an_utterance_in_two_shards_is_named(tmp_path, sound):
    files = {"a.wav": sound, "a.txt": b"x"}
    shards = [write_shard(tmp_path / f"{n}.tar", files) for n in (1, 2)]
    with pytest.raises(SystemExit, match=r"utterance a is in shard .*1\.tar and in shard .*2\.tar"):
        index(tmp_path, *shards)


def test_a_directory_with_audio_of_its_own_is_not_overwritten(tmp_path, sound):
    (tmp_path / "indexed").mkdir()
    (tmp_path / "indexed" / "wav.scp").write_text("a a.wav\n")
    shard = write_shard(tmp_path / "1.tar", {"a.wav": sound, "a.txt": b"x"})
    with pytest.raises(SystemExit, match=r"indexed already contains a wav\.scp; choose an empty"):
        index(tmp_path, shard)
    with pytest.raises(SystemExit, match="nowhere.tar cannot be read: No such file"):
        index(tmp_path / "indexed", tmp_path / "nowhere.tar")
