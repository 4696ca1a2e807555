"""The content of shards from other programs, and the data directory written for them."""

import io
import os
import tarfile
from pathlib import Path

import audio_sets
import pytest
from unreliable_server import UnreliableServer, serving

from moeasr.bin import index_shards
from moeasr.data.shards.index import list_shard
from moeasr.datadir.table import Table
from moeasr.errors import InputError


def write_shard(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    """Write a shard as WeNet does: in Python's default tar format, with unchanged names."""
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


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [-512, -1024, 8**11 - 1, 2**40, 2**62])
def test_an_absurd_size_in_a_foreign_shard_is_one_sentence(tmp_path, kind, size):
    """A size of -1024 would lead to the same header in an endless loop."""
    member = tarfile.TarInfo("a.wav")
    member.type, member.size = kind, size
    (tmp_path / "1.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(2000))
    with pytest.raises(InputError, match=r"shard .*1\.tar is (not a tar file|truncated)"):
        list_shard(str(tmp_path / "1.tar"))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_shards_from_other_programs_get_a_data_directory(tmp_path, sound, form):
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


def test_audio_may_have_any_suffix_that_wenet_supports(tmp_path, sound):
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
    with pytest.raises(SystemExit, match=r"indexed already contains a wav\.scp; choose an"):
        index(tmp_path, shard)
    with pytest.raises(SystemExit, match="nowhere.tar cannot be read: No such file"):
        index(tmp_path / "indexed", tmp_path / "nowhere.tar")


@pytest.mark.usefixtures("fails_rather_than_hangs")
@pytest.mark.parametrize("ranges", [True, False])
def test_shards_and_their_list_may_be_at_addresses(tmp_path, sound, ranges):
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in (1, 2):
        write_shard(folder / f"{number}.tar", {f"u{number}.wav": sound, f"u{number}.txt": b"A"})
    server = UnreliableServer(folder, (None, None, None, 5000), ranges=ranges)
    config = ["--nj", "1", "--fbank-config", str(tmp_path / "fbank.yaml")]
    (tmp_path / "fbank.yaml").write_text(audio_sets.FBANK)
    with serving(server):
        (folder / "a.list").write_text(f"1.tar\n{server.address}/2.tar\n")
        index_shards.main([*config, str(tmp_path / "indexed"), f"{server.address}/a.list"])
        assert dict(iter(Table(tmp_path / "indexed/text"))) == {"u1": "A", "u2": "A"}
        entries = [entry.split()[2] for _, entry in Table(tmp_path / "indexed/shards.scp")]
        assert entries == [f"{server.address}/1.tar", f"{server.address}/2.tar"]
        assert len(audio_sets.features(tmp_path / "indexed", "shard")) == 2
        (folder / "2.tar").unlink()
        with pytest.raises(SystemExit, match="shard http.*/2.tar cannot be read: No such file"):
            index_shards.main([*config, str(tmp_path / "new"), f"{server.address}/a.list"])
        with pytest.raises(SystemExit, match="index_shards: http.*/b.list cannot be read: No such"):
            index_shards.main([*config, str(tmp_path / "new"), f"{server.address}/b.list"])
    assert not (tmp_path / "new").exists()
