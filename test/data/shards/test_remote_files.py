"""Files at addresses: ranges, dropped connections, servers without ranges, and failures."""

import errno
import pickle
import sys

import numpy as np
import pytest
from unreliable_server import Request, UnreliableServer, serving

from moeasr.data.shards import remote_files
from moeasr.data.shards.remote_files import RemoteFiles, is_address
from moeasr.errors import InputError

pytestmark = pytest.mark.usefixtures("fails_rather_than_hangs")
CONTENT = np.random.default_rng(0).bytes(700_000)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(remote_files, "PAUSES_SEC", (0.0,) * 5)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "1.tar").write_bytes(CONTENT)
    return tmp_path


PLACES = [(0, 10), (5, 0), (100, 512), (612, 300_000), (699_990, 10), (699_990, 20), (800_000, 5)]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("drops", [(), (None, 0, 3000, None, 70_000, 1, 1, 1)])
def test_bytes_at_any_place_are_those_of_the_file(folder, ranges, drops):
    with serving(UnreliableServer(folder, drops, ranges=ranges)) as server:
        files = RemoteFiles()
        for start, num_bytes in PLACES:
            found = files.read(f"{server.address}/1.tar", start, num_bytes)
            assert found == CONTENT[start : start + num_bytes]
        assert files.copy(f"{server.address}/1.tar").read() == CONTENT
    assert not server.drops


def test_a_broken_range_continues_with_smaller_ranges(folder, monkeypatch):
    """Every connection breaks after 100 kB; a range of 64 KiB is the largest that arrives."""
    monkeypatch.setattr(remote_files, "PIECE_BYTES", 1 << 18)
    with serving(UnreliableServer(folder, limit=100_000)) as server:
        address = f"{server.address}/1.tar"
        assert RemoteFiles().read(address, 1000, 600_000) == CONTENT[1000:601_000]
    starts = [span[0] for _, span in server.requests]
    assert starts == [1, 1000, 1000, *range(1000, 601_000, 65536)]


def test_a_header_and_the_audio_behind_it_need_one_request(folder):
    with serving(UnreliableServer(folder)) as server:
        files = RemoteFiles()
        address = f"{server.address}/1.tar"
        files.read(address, 1000, 512)
        files.read(address, 1512, 50_000)
        last = 1000 + remote_files.FIRST_BYTES - 1
        assert server.requests == [Request("1.tar", (1, 1)), Request("1.tar", (1000, last))]
        files.read(address, 1512, 300_000)
        assert server.requests[2:] == [Request("1.tar", (last + 1, 301_511))]


def test_a_server_without_ranges_sends_each_file_once(folder, caplog):
    (folder / "2.tar").write_bytes(CONTENT[::-1])
    with serving(UnreliableServer(folder, ranges=False)) as server:
        files = RemoteFiles()
        for start in (0, 600_000, 5):
            assert files.read(f"{server.address}/1.tar", start, 9) == CONTENT[start : start + 9]
            assert files.read(f"{server.address}/2.tar", 0, 9) == CONTENT[:-10:-1]
    names = [name for name, span in server.requests if span is None]
    assert sorted(names) == ["1.tar", "2.tar"]
    assert caplog.text.count("does not send parts of files") == 1


def test_copies_of_files_are_limited(folder, monkeypatch):
    monkeypatch.setattr(remote_files, "MAX_COPIES", 1)
    (folder / "2.tar").write_bytes(CONTENT[::-1])
    with serving(UnreliableServer(folder, ranges=False)) as server:
        files = RemoteFiles()
        for _ in range(2):
            assert files.read(f"{server.address}/1.tar", 0, 9) == CONTENT[:9]
            assert files.read(f"{server.address}/2.tar", 0, 9) == CONTENT[:-10:-1]
        assert len(pickle.loads(pickle.dumps(files))._copies) == 0
    assert len([name for name, span in server.requests if span is None]) == 4


@pytest.mark.parametrize(
    ("settings", "reason", "num_requests"),
    [
        ({"status": 404}, "No such file or directory", 1),
        ({"status": 403}, "the server answers 403 Forbidden", 1),
        ({"status": 503}, r"the server answers 503 Service Unavailable \(after 6 attempts\)", 6),
        ({"limit": 0}, r".* \(after 6 attempts\)", 6),
    ],
)
def test_a_failing_server_is_one_sentence(folder, settings, reason, num_requests):
    with serving(UnreliableServer(folder, **settings)) as server:
        address = f"{server.address}/1.tar"
        with pytest.raises(InputError, match=rf"^{address} cannot be read: {reason}$") as error:
            RemoteFiles().read(address, 0, 10)
    assert "\n" not in str(error.value)
    assert len(server.requests) >= num_requests


def test_a_server_that_is_not_there_and_one_that_never_answers(folder, monkeypatch):
    monkeypatch.setattr(remote_files, "PAUSES_SEC", (0.0,))
    monkeypatch.setattr(remote_files, "TIMEOUT_SEC", 0.2)
    with serving(UnreliableServer(folder)) as server:
        pass
    with pytest.raises(InputError, match="cannot be read: .*after 2 attempts"):
        RemoteFiles().read(f"{server.address}/1.tar", 0, 10)
    message = r"cannot be read: .*[Tt]imeout.*after 2 attempts"
    silent = UnreliableServer(folder)
    with serving(silent), silent.lock, pytest.raises(InputError, match=message):
        RemoteFiles().read(f"{silent.address}/1.tar", 0, 10)  # every request needs the lock


def test_every_driver_of_fsspec_serves(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe_file("/x/1.tar", CONTENT)
    (tmp_path / "1.tar").write_bytes(CONTENT)
    for address in ("memory://x/1.tar", f"local://{tmp_path}/1.tar"):
        assert is_address(address)
        files = RemoteFiles()
        for start, num_bytes in PLACES:
            assert files.read(address, start, num_bytes) == CONTENT[start : start + num_bytes]
        assert files.copy(address).read() == CONTENT
    with pytest.raises(InputError, match="^memory://x/2.tar cannot be read: No such file"):
        RemoteFiles().read("memory://x/2.tar", 0, 10)


@pytest.mark.parametrize(
    ("address", "module", "reason"),
    [
        ("s3://b/1.tar", "s3fs", "the package .* is not installed: Install s3fs to access S3"),
        (
            "http://h/1.tar",
            "aiohttp",
            r"is not installed: pip install -e '\.\[shards\]' in the checkout",
        ),
        ("ftps3://h/1.tar", "none", "Protocol not known: ftps3"),
    ],
)
def test_an_address_without_its_driver_names_the_package(monkeypatch, address, module, reason):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=f"^{address} cannot be read.*{reason}$"):
        RemoteFiles().read(address, 0, 10)


@pytest.mark.parametrize(
    ("text", "is_end"),
    [("The requested range is not satisfiable", True), ("The specified bucket is invalid", False)],
)
def test_a_range_behind_the_end_of_an_object_is_empty(monkeypatch, text, is_end):
    """The errors are those of s3fs."""
    fsspec = pytest.importorskip("fsspec")

    def fail(*args, **options):
        raise OSError(errno.EINVAL, text)

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "cat_file", fail)
    if is_end:
        assert RemoteFiles().read("memory://x/1.tar", 10, 5) == b""
    else:
        with pytest.raises(InputError, match=r"bucket is invalid \(after 6 attempts\)"):
            RemoteFiles().read("memory://x/1.tar", 10, 5)
