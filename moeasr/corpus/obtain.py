"""Get hold of a corpus: unpacked already, in an archive, or from the network."""

import lzma
import os
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from moeasr.corpus.download import BLOCK_BYTES, Published, check, download
from moeasr.errors import InputError
from moeasr.logs import get_logger, progress

ORIGIN = ".unpacked_from"
"""In a tree that was unpacked here: its archive, then every file. It is written last."""

logger = get_logger(__name__)


@dataclass(frozen=True)
class Corpus:
    """A directory tree and the archives it comes in."""

    tree: str
    """Where it lies in its archives, e.g. `an4` or `LibriSpeech/dev-clean`."""
    sample: str
    """A pattern below the tree that matches at least one file, by which the tree is recognised."""
    published: Published
    """The public archive."""
    other_archives: tuple[str, ...] = ()
    """Names of archives that are taken as they are: other packings of the tree, or a part of it."""


def obtain(corpus: Corpus, download_dir: Path, unpack_dir: Path) -> Path:
    """Find the tree of a corpus, unpacking or downloading it first if need be.

    Args:
        corpus: What is wanted.
        download_dir: May be the tree, or hold the tree or an archive of it; it is only written to
            when there is neither, and the archive has to be downloaded. It is made if it is
            `unpack_dir`, too.
        unpack_dir: Where an archive is unpacked to, as `unpack_dir/<corpus.tree>`.

    Returns:
        The tree's directory.

    Raises:
        InputError: `download_dir` does not exist, an archive is broken or not the published one, no
            address answers, or of a tree that was unpacked here a file is missing.
    """
    if download_dir == unpack_dir:
        download_dir.mkdir(parents=True, exist_ok=True)
    if not download_dir.is_dir():
        raise InputError(f"{download_dir.absolute()}: no such directory (--download-dir)")
    root = _find_tree(corpus, download_dir)
    if root is not None:
        missing = _missing(root)
        if missing:
            raise InputError(
                f"{root / missing} is missing, which was unpacked here; remove {root} and run "
                "again to unpack it anew"
            )
        return root
    archive = download_dir / corpus.published.name
    others = [download_dir / name for name in corpus.other_archives]
    if not archive.is_file():
        archive = next((path for path in others if path.is_file()), archive)
    if not archive.is_file():
        archive = download(corpus.published, download_dir)
        return unpack(archive, unpack_dir, corpus.tree, corpus.sample)
    if archive not in others and not is_unpacked(archive, unpack_dir / corpus.tree):
        check(archive, corpus.published)
    return unpack(archive, unpack_dir, corpus.tree, corpus.sample)


def unpack(archive: Path, unpack_dir: Path, tree: str, sample: str) -> Path:
    """Unpack the `tree` of a tar archive to `unpack_dir/tree`, unless it was and is still whole.

    Only regular files below `tree` are taken out, so that no archive can write elsewhere, and the
    directory appears under its name when it is whole.

    Args:
        archive: A tar file, compressed or not.
        unpack_dir: Where to.
        tree: A directory in the archive; "" takes the whole archive, to `unpack_dir` itself.
        sample: A pattern below it that must match a file.

    Returns:
        `unpack_dir/tree`.

    Raises:
        InputError: The archive cannot be read to its end, or has no such tree; or the disk is full.
    """
    root = unpack_dir / tree
    if is_unpacked(archive, root):
        return root
    logger.info("unpacking %s", archive)
    unfinished = root.with_name(f".{root.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    files = []
    try:
        with tarfile.open(archive) as tar:
            for member in progress(tar, f"unpacking {archive.name}", unit="files"):
                if member.size < 0:  # the next one would be this one again
                    raise tarfile.ReadError(f"{member.name} has a size below 0")
                name = _name_below(member, PurePosixPath(tree))
                if name is not None:
                    _extract(tar, member, unfinished / name)
                    files.append(str(name))
            # two blocks of zeros end an archive; tarfile takes a damaged header, too, for its end
            if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("damaged, or cut short")
            while tar.fileobj.read(BLOCK_BYTES):
                pass  # gzip's checksum stands behind the last byte
    except (MemoryError, OverflowError, RecursionError, ValueError) as error:
        raise InputError(f"{archive}: cannot be unpacked: a header has an absurd size") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk
            raise InputError(
                f"{archive}: cannot be unpacked to {root} ({error.strerror})"
            ) from error
        reason = str(error).partition(":\n")[0]  # without what each kind of compression says
        raise InputError(f"{archive}: cannot be unpacked ({reason}); is it complete?") from error
    if next(unfinished.glob(sample), None) is None:
        raise InputError(f"{archive}: there is no {tree}/{sample} in it")
    origin = "\n".join([_origin(archive), *files]) + "\n"
    (unfinished / ORIGIN).write_bytes(os.fsencode(origin))  # names may be in whatever encoding
    shutil.rmtree(root, ignore_errors=True)
    unfinished.rename(root)
    return root


def is_unpacked(archive: Path, root: Path) -> bool:
    """Whether `root` was unpacked from this very archive and no file of it is gone since."""
    marker = root / ORIGIN
    if not marker.is_file():
        return False
    return _read_origin(marker)[:1] == [_origin(archive)] and _missing(root) is None


def _find_tree(corpus: Corpus, download_dir: Path) -> Path | None:
    """The unpacked tree in `download_dir`, which may begin anywhere on the tree's path."""
    parts = PurePosixPath(corpus.tree).parts
    candidates = [download_dir.joinpath(*parts[start:]) for start in range(len(parts))]
    if len(parts) == 1:  # else the directory could be a tree beside the one that is wanted
        candidates.insert(0, download_dir)
    return next(
        (path for path in candidates if next(path.glob(corpus.sample), None) is not None), None
    )


def _origin(archive: Path) -> str:
    """An archive's identity: it changes when the archive is written anew."""
    stat = archive.stat()
    return f"{archive.resolve()} {stat.st_size} {stat.st_mtime_ns}"


def _read_origin(marker: Path) -> list[str]:
    return os.fsdecode(marker.read_bytes()).split("\n")[:-1]


def _missing(root: Path) -> str | None:
    """The first file that was unpacked to `root` and is gone; None too if it was not unpacked."""
    marker = root / ORIGIN
    if not marker.is_file():
        return None
    return next(
        (name for name in _read_origin(marker)[1:] if not os.path.isfile(root / name)), None
    )


def _name_below(member: tarfile.TarInfo, tree: PurePosixPath) -> PurePosixPath | None:
    """The path of a regular file relative to `tree`; None for whatever else an archive may hold."""
    parts = [part for part in PurePosixPath(member.name).parts if part != "."]
    is_outside = ".." in parts or member.name.startswith("/")
    if not member.isfile() or is_outside or len(parts) <= len(tree.parts):
        return None
    if tuple(parts[: len(tree.parts)]) != tree.parts:
        return None
    return PurePosixPath(*parts[len(tree.parts) :])


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Write one regular file of an archive to `path`."""
    source = tar.extractfile(member)
    assert source is not None  # it is a regular file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as sink:
        shutil.copyfileobj(source, sink, BLOCK_BYTES)
