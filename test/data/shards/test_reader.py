"""Audio that is read by its position in a shard."""

import os
import tarfile
from pathlib import Path

import audio_sets
import numpy as np
import pytest
import torch
from unreliable_server import UnreliableServer, serving

from moeasr.data.sampler import BatchConfig
from moeasr.data.shards.reader import ShardEntry, ShardReader, shard_numbers
from moeasr.data.window_sampler import ShardWindowSampler
from moeasr.datadir.table import Table
from moeasr.errors import InputError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six utterances in two shards."""
    return audio_sets.prepare(audio_sets.whole_files(tmp_path), "shard")


def shards_of(data_dir: Path) -> list[Path]:
    return sorted(data_dir.with_name("shards").glob("*.tar"))


def entries(data_dir: Path) -> dict[str, str]:
    return dict(iter(Table(data_dir / "shards.scp")))


def test_audio_of_whole_blocks_of_a_tar_file_is_found(tmp_path):
    """Tar blocks have 512 bytes, so such members have no padding or 511 bytes of it."""
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
        assert str(error.value) == (
            f"shard {entry.path} is truncated: {fault}; copy or make this shard again"
        )
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


@pytest.mark.usefixtures("fails_rather_than_hangs")
@pytest.mark.parametrize("ranges", [True, False])
def test_shards_at_an_address_are_those_on_disk(data, ranges):
    """The features are equal although connections break; messages name the address."""
    local = audio_sets.features(data, "shard")
    server = UnreliableServer(data.with_name("shards"), (None, 700, 5000), ranges=ranges)
    with serving(server):
        audio_sets.move_shards(data, server.address)
        found = audio_sets.features(data, "shard")
        assert found.keys() == local.keys()
        assert all(torch.equal(found[utt], feats) for utt, feats in local.items())
        entry = ShardEntry.parse(entries(data)["a"])
        assert ShardReader().measure(str(entry)).num_samples == round(0.61 * 16000)
        name = entry.path.rpartition("/")[2]
        os.truncate(server.folder / name, entry.offset + 100)
        with pytest.raises(InputError, match=rf"^shard {entry.path} is truncated: it ends within"):
            ShardReader().read(str(entry))
        (server.folder / name).unlink()
        with pytest.raises(InputError, match=f"^shard {entry.path} cannot be read: No such file"):
            ShardReader().read(str(entry))


def test_a_file_address_is_the_file(data):
    local = audio_sets.features(data, "shard")
    audio_sets.move_shards(data, f"file://{data.with_name('shards')}")
    found = audio_sets.features(data, "shard")
    assert all(torch.equal(found[utt], feats) for utt, feats in local.items())


def test_each_rank_requests_only_its_shards(data):
    """Without windows, it requests only its utterances, as every position is a range."""
    server = UnreliableServer(data.with_name("shards"))
    requested = []
    with serving(server):
        audio_sets.move_shards(data, server.address)
        places = list(entries(data).values())
        for rank in range(2):
            server.requests.clear()
            lengths, shards = np.full(len(places), 50), shard_numbers(places, len(places))
            config = BatchConfig(max_frames=100, window_shards=1)
            sampler = ShardWindowSampler(lengths, shards, config, 0, rank, 2)
            reader = ShardReader(read_ahead=True)
            for index in [index for batch in sampler.batches(1) for index in batch]:
                reader.read(places[index])
            requested.append({request.name for request in server.requests})
    assert [len(names) for names in requested] == [1, 1]
    assert requested[0].isdisjoint(requested[1])
