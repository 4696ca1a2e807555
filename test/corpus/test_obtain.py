"""A corpus from a directory, from an archive, or refused with the reason."""

import errno
import io
import os
import tarfile

import pytest

from moeasr.corpus import obtain as corpus_archive
from moeasr.corpus.download import Published
from moeasr.corpus.obtain import Corpus, obtain, unpack
from moeasr.errors import InputError

CORPUS = Corpus(
    tree="books",
    sample="lists/*.txt",
    published=Published(("http://127.0.0.1:1/books.tar.gz",)),
    other_archives=("books-part.tar.xz", "books.tar"),
)
PART = Corpus("books/part-2", "*/*.flac", Published(("http://127.0.0.1:1/part-2.tar.gz",)))


@pytest.fixture
def tree(tmp_path):
    """A tree of two directories with one file each, and a part of it with one directory."""
    root = tmp_path / "made" / "books"
    for name in ("lists/a.txt", "audio/b.flac", "part-2/s/c.flac", "part-3/s/d.flac"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.fixture
def dirs(tmp_path):
    """Return a directory for downloads, and one for unpacked archives."""
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads", tmp_path / "unpacked"


def pack(tree, path):
    kind = path.suffix[1:]
    with tarfile.open(path, "w" if kind == "tar" else f"w:{kind}") as tar:
        tar.add(tree, "./books")
    return path


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_tree_is_found_in_a_directory_or_is_it(tree, tmp_path):
    for download_dir in (tree, tree.parent):
        assert obtain(CORPUS, download_dir, tmp_path / "unpacked") == tree
    for download_dir in (tree, tree.parent):
        assert obtain(PART, download_dir, tmp_path / "unpacked") == tree / "part-2"
    assert not (tmp_path / "unpacked").exists()


def test_its_own_directory_for_downloads_is_made(tmp_path):
    """The published archive cannot be reached."""
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        obtain(CORPUS, tmp_path / "downloads", tmp_path / "downloads")
    assert (tmp_path / "downloads").is_dir()
    with pytest.raises(InputError, match="nowhere: no such directory"):
        obtain(CORPUS, tmp_path / "nowhere", tmp_path / "downloads")
    assert not (tmp_path / "nowhere").exists()


def test_another_part_is_not_taken_for_the_one(tree, tmp_path):
    with pytest.raises(InputError, match=r"part-2\.tar\.gz could not be downloaded"):
        obtain(PART, tree / "part-3", tmp_path / "unpacked")


@pytest.mark.parametrize("name", ["books.tar.gz", "books-part.tar.xz", "books.tar"])
def test_archive_is_unpacked_once_and_again_when_it_changed(tree, dirs, name):
    archive = pack(tree, dirs[0] / name)
    root = obtain(CORPUS, *dirs)
    assert root == dirs[1] / "books" and (root / "lists/a.txt").read_text() == "lists/a.txt"
    assert files(root) == files(tree) | {".unpacked_from"}
    inode = root.stat().st_ino
    assert obtain(CORPUS, *dirs).stat().st_ino == inode
    (tree / "lists/a.txt").write_text("new")
    os.utime(pack(tree, archive), (0, 0))
    assert (obtain(CORPUS, *dirs) / "lists/a.txt").read_text() == "new"


def test_what_a_broken_off_run_left_is_no_part_of_the_tree(tree, dirs):
    left = dirs[1] / ".books.unfinished" / "lists" / "of another archive.txt"
    left.parent.mkdir(parents=True)
    left.touch()
    pack(tree, dirs[0] / "books.tar")
    assert files(obtain(CORPUS, *dirs)) == files(tree) | {".unpacked_from"}


def test_parts_of_one_archive_lie_beside_each_other(tree, dirs):
    pack(tree, dirs[0] / "part-2.tar.gz")
    root = obtain(PART, *dirs)
    assert root == dirs[1] / "books/part-2" and files(root) == {"s/c.flac", ".unpacked_from"}
    assert files(dirs[1] / "books") == {f"part-2/{name}" for name in files(root)}


def test_a_directory_that_is_not_from_an_archive_is_kept(tree, dirs):
    pack(tree, dirs[0] / "books.tar")
    own = dirs[1] / "books/my_notes.txt"
    own.parent.mkdir(parents=True)
    with pytest.raises(InputError, match=r"books exists, but was not unpacked .* move or remove"):
        own.touch()
        obtain(CORPUS, *dirs)
    assert own.is_file()
    own.unlink()
    assert obtain(CORPUS, *dirs) == dirs[1] / "books"


def test_every_lost_file_is_unpacked_again(tree, dirs):
    pack(tree, dirs[0] / "books.tar")
    root = obtain(CORPUS, *dirs)
    for name in files(tree):
        (root / name).unlink()
        obtain(CORPUS, *dirs)
        assert (root / name).read_text() == name


def test_lost_file_of_a_tree_without_its_archive_is_named(tree, dirs):
    pack(tree, dirs[0] / "books.tar.gz")
    lost = obtain(CORPUS, *dirs) / "audio/b.flac"
    lost.unlink()
    with pytest.raises(
        InputError, match=r"books/audio/b\.flac, which was unpacked here, is missing"
    ):
        obtain(CORPUS, dirs[1], dirs[1])


def flip(data):
    """Change a byte in the middle, which only the checksum of the decompressor detects."""
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]


def halve(data):
    return data[: len(data) // 2]


def last_header(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()[-1].offset


def end_between(data):
    """Cut the archive between two files, which tarfile takes for its end."""
    return data[: last_header(data)]


def damage_last_header(data):
    at = last_header(data)
    return data[:at] + b"?" + data[at + 1 :]


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *(("books.tar", spoil) for spoil in (end_between, damage_last_header)),
        *((name, halve) for name in ("books.tar.gz", "books-part.tar.xz", "books.tar")),
        *((name, flip) for name in ("books.tar.gz", "books-part.tar.xz")),
        ("books.tar.gz", lambda _: b"<html>"),
    ],
)
def test_broken_archive_leaves_no_tree(tree, dirs, name, spoil):
    (tree / "audio/noise").write_bytes(os.urandom(50000))
    archive = pack(tree, dirs[0] / name)
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(InputError, match=rf"^\S+/{name}: cannot be unpacked .*; is it complete\?$"):
        obtain(CORPUS, *dirs)
    assert not (dirs[1] / "books").exists()


def test_a_full_disk_is_not_laid_to_the_archive(tree, dirs, monkeypatch):
    def copy(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    pack(tree, dirs[0] / "books.tar")
    monkeypatch.setattr(corpus_archive.shutil, "copyfileobj", copy)
    with pytest.raises(InputError, match=r"cannot be unpacked to .*/books \(No space left .*\)$"):
        obtain(CORPUS, *dirs)


def test_names_may_be_in_whatever_encoding(tree, dirs):
    name = os.fsdecode("r\xe9sum\xe9.txt".encode("latin-1"))
    (tree / "audio" / name).touch()
    archive = pack(tree, dirs[0] / "books.tar")
    root = obtain(CORPUS, *dirs)
    assert corpus_archive.is_unpacked(archive, root) and (root / "audio" / name).is_file()


def test_archive_of_something_else_is_named(tree, dirs):
    pack(tree / "part-2", dirs[0] / "books.tar.gz")
    with pytest.raises(InputError, match=r"books\.tar\.gz does not contain books/lists/\*\.txt"):
        obtain(CORPUS, *dirs)
    assert not (dirs[1] / "books").exists()


def test_public_archive_is_checked_before_it_is_unpacked(tree, dirs):
    pack(tree, dirs[0] / "books.tar.gz")
    wrong = Corpus(CORPUS.tree, CORPUS.sample, Published(CORPUS.published.urls, None, "md5:00"))
    with pytest.raises(InputError, match=r"books\.tar\.gz has the md5 checksum"):
        obtain(wrong, *dirs)
    assert not dirs[1].exists()


@pytest.mark.parametrize("wanted", ["books", ""])
def test_archive_writes_only_below_its_own_directory(tree, dirs, tmp_path, wanted):
    evil = tmp_path / "evil"
    evil.write_text("evil")
    with tarfile.open(dirs[0] / "books.tar", "w") as tar:
        tar.add(tree, "books")
        link = tarfile.TarInfo("books/link")
        link.type, link.linkname = tarfile.SYMTYPE, "../.."
        tar.addfile(link)
        for name in ("books/../../../escaped", "../../escaped", str(tmp_path / "escaped")):
            tar.addfile(tarfile.TarInfo(name))
        tar.add(evil, "other/file")
    root = unpack(dirs[0] / "books.tar", dirs[1] / "here", wanted, "**/*.txt")
    assert list(tmp_path.rglob("escaped")) == []
    assert not list(root.rglob("link"))
    assert (root / "other/file").exists() == (wanted == "")


def test_a_download_is_unpacked(tree, dirs, tmp_path, monkeypatch):
    def download(published, directory):
        assert published is CORPUS.published
        return pack(tree, directory / "books.tar.gz")

    monkeypatch.setattr(corpus_archive, "download", download)
    assert obtain(CORPUS, *dirs) == dirs[1] / "books"


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such directory \(--download-dir\)"):
        obtain(CORPUS, tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [-512, -1024, 8**11 - 1, 2**40])
def test_an_absurd_size_in_an_archive_is_one_sentence(tmp_path, kind, size):
    """A size of -1024 leads back to the same header, for ever."""
    member = tarfile.TarInfo("books/lists/a.txt")
    member.type, member.size = kind, size
    archive = tmp_path / "books.tar"
    archive.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(2000))
    with pytest.raises(InputError, match=r"books\.tar: cannot be unpacked"):
        unpack(archive, tmp_path / "unpacked", "books", "lists/*.txt")
