"""Downloads from a local server: resumed, checked, and refused if the content is wrong."""

import hashlib
import http.server
import threading
from types import SimpleNamespace

import pytest

from moeasr.corpus.download import Published, check, download, openslr
from moeasr.errors import InputError

CONTENT = bytes(range(256)) * 5000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def server():
    """A web server of one file that can resume, with a log of the ranges it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content = CONTENT
        ranges: list[str | None] = []
        can_resume = True
        announce_extra = 0  # bytes that are announced but never come
        length = ""  # what is announced instead of their number

        def do_GET(self):
            wanted = self.headers.get("Range")
            self.ranges.append(wanted)
            start = int(wanted[len("bytes=") : -1]) if wanted and self.can_resume else 0
            if start >= len(self.content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            body = self.content[start:]
            self.send_header("Content-Length", self.length or str(len(body) + self.announce_extra))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.url = f"http://127.0.0.1:{httpd.server_port}/corpus.tar.gz"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield Handler
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.mark.parametrize("checksum", [SHA256, MD5, None])
def test_a_whole_download_has_its_name(server, tmp_path, checksum):
    published = Published((server.url,), len(CONTENT), checksum)
    assert download(published, tmp_path) == tmp_path / "corpus.tar.gz"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [CONTENT]


@pytest.mark.parametrize("can_resume", [True, False])
def test_it_is_taken_up_where_it_stopped(server, tmp_path, monkeypatch, can_resume):
    monkeypatch.setattr(server, "can_resume", can_resume)
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT[:1000])
    path = download(Published((server.url,), len(CONTENT), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    assert not (tmp_path / "corpus.tar.gz.part").exists()


def test_a_whole_part_is_checked_and_not_asked_for(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT)
    path = download(Published((server.url,), len(CONTENT), SHA256), tmp_path)
    assert path.read_bytes() == CONTENT and server.ranges == []


def test_it_begins_anew_when_the_part_is_no_part(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(bytes(len(CONTENT) + 1))
    assert download(Published((server.url,)), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("num_bytes", [None, len(CONTENT)])
def test_short_download_has_no_name_and_is_kept(server, tmp_path, monkeypatch, num_bytes):
    monkeypatch.setattr(server, "announce_extra", 7)
    nobody_there = "http://127.0.0.1:1/corpus.tar.gz"
    published = Published((nobody_there, server.url), num_bytes)
    with pytest.raises(InputError, match=r"corpus.tar.gz could not .* \(.*refused.*; .* of 128000"):
        download(published, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.tar.gz.part"]
    monkeypatch.setattr(server, "announce_extra", 0)
    assert download(published, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ((5, None), r"corpus\.tar\.gz\.part has 1280000 bytes, but the published file has 5"),
        ((None, "md5:00"), r"has the md5 checksum [0-9a-f]{32}, but the published file has 00"),
        ((len(CONTENT), "sha256:00"), r"has the sha256 checksum [0-9a-f]{64}"),
    ],
)
def test_another_file_is_named_and_removed(server, tmp_path, published, message):
    with pytest.raises(InputError, match=message):
        download(Published((server.url,), *published), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_no_matter_of_the_address(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").mkdir()  # nothing can be written
    with pytest.raises(IsADirectoryError):
        download(Published((server.url, server.url)), tmp_path)
    assert len(server.ranges) == 1


def test_a_disk_that_fills_up_is_named(server, tmp_path):
    part = tmp_path / "corpus.tar.gz.part"
    part.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as error:
        download(Published((server.url,)), tmp_path)
    assert error.value.filename == str(part)


def test_a_length_that_is_none_is_not_believed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "length", "many")
    assert download(Published((server.url,), len(CONTENT)), tmp_path).read_bytes() == CONTENT


def test_what_is_there_already_needs_no_more_room(server, tmp_path, monkeypatch):
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT[:-500])
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=600))
    path = download(Published((server.url,), len(CONTENT)), tmp_path)
    assert path.read_bytes() == CONTENT


def test_files_of_openslr_are_checked_and_come_from_its_home_first():
    found = openslr(12, "dev-clean.tar.gz", 337926286, "42e2234ba48799c1f50f24a7926300a1")
    assert found.urls[0] == "https://www.openslr.org/resources/12/dev-clean.tar.gz"
    assert len(set(found.urls)) == 3
    assert {url.partition("/resources")[2] for url in found.urls} == {"/12/dev-clean.tar.gz"}
    assert (found.name, found.num_bytes) == ("dev-clean.tar.gz", 337926286)
    assert found.checksum == "md5:42e2234ba48799c1f50f24a7926300a1"
    assert openslr(1, "x", 5).checksum is None


def test_a_disk_that_is_too_small_is_told_at_once(server, tmp_path):
    published = Published((server.url,), 10**18)
    with pytest.raises(InputError, match=r"corpus\.tar\.gz needs 1000000000\.0 GB more, but "):
        download(published, tmp_path)
    assert server.ranges == []


def test_check_of_a_file_that_was_there(tmp_path):
    path = tmp_path / "corpus.tar.gz"
    path.write_bytes(CONTENT)
    check(path, Published(("http://x/corpus.tar.gz",), len(CONTENT), MD5))
    check(path, Published(("http://x/corpus.tar.gz",)))
    with pytest.raises(InputError, match="1280000 bytes, but the published file has 1280001"):
        check(path, Published(("http://x/corpus.tar.gz",), len(CONTENT) + 1, MD5))
