"""Access to a published corpus: unpacked already, in an archive, or from the network."""

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
"""A file that lists the archive and all files of an unpacked tree. It is written last."""

logger = get_logger(__name__)


@dataclass(frozen=True)
class Corpus:
    """A directory tree and the archives that contain it."""

    tree: str
    """The path of the tree in its archives, such as `an4` or `LibriSpeech/dev-clean`."""
    sample: str
    """A file pattern in the tree that matches at least one file. It identifies the tree."""
    published: Published
    """The public archive."""
    other_archives: tuple[str, ...] = ()
    """Names of other archives of the tree, or of a part of it, which are not checked."""


def obtain(corpus: Corpus, download_dir: Path, unpack_dir: Path) -> Path:
    """Return the directory of a corpus, after unpacking or downloading it if necessary.

    Args:
        corpus: The corpus.
        download_dir: The tree, or a directory that contains the tree or an archive of it.
            Otherwise the archive is downloaded to this directory. The directory is created if it is
            also the `unpack_dir`.
        unpack_dir: The directory to unpack an archive to, as `unpack_dir/<corpus.tree>`.

    Returns:
        The directory of the tree.

    Raises:
        InputError: `download_dir` does not exist, an archive is damaged or not the published one,
            the download fails, or a file of an unpacked tree is missing.
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
                f"{root / missing}, which was unpacked here, is missing; remove {root} and run the "
                "command again to unpack the archive again"
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
    """Unpack the `tree` of a tar archive to `unpack_dir/tree`, unless it is already complete there.

    Only regular files below `tree` are extracted, so that no archive can write elsewhere. The
    directory appears only when it is complete.

    Args:
        archive: A tar file, compressed or not.
        unpack_dir: The directory to unpack to.
        tree: A directory in the archive; "" unpacks the whole archive to `unpack_dir` itself.
        sample: A file pattern in the tree that must match a file.

    Returns:
        `unpack_dir/tree`.

    Raises:
        InputError: The archive is damaged or does not contain the tree, the disk is full, or the
            directory has content that is not from an archive.
    """
    root = unpack_dir / tree
    if is_unpacked(archive, root):
        return root
    if root.is_dir() and any(root.iterdir()) and not (root / ORIGIN).is_file():
        raise InputError(
            f"{root} exists, but was not unpacked from an archive; move or remove it, so that "
            f"{archive} can be unpacked there"
        )
    logger.info("unpacking %s", archive)
    unfinished = root.with_name(f".{root.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    files = []
    try:
        with tarfile.open(archive) as tar:
            for member in progress(tar, f"unpacking {archive.name}", unit="files"):
                if member.size < 0:  # tarfile would return the same member for ever
                    raise tarfile.ReadError(f"{member.name} has a size below 0")
                name = _name_below(member, PurePosixPath(tree))
                if name is not None:
                    _extract(tar, member, unfinished / name)
                    files.append(str(name))
            # an archive ends with two blocks of zeros; tarfile also stops at a damaged header
            if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("damaged, or cut short")
            while tar.fileobj.read(BLOCK_BYTES):
                pass  # gzip checks its checksum at the last byte
    except (MemoryError, OverflowError, RecursionError, ValueError) as error:
        raise InputError(
            f"{archive}: cannot be unpacked: a header has an impossible size (is it damaged?)"
        ) from error
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the disk
            raise InputError(
                f"{archive}: cannot be unpacked to {root} ({error.strerror})"
            ) from error
        reason = str(error).partition(":\n")[0]  # tarfile appends the error of each compression
        raise InputError(f"{archive}: cannot be unpacked ({reason}); is it complete?") from error
    if next(unfinished.glob(sample), None) is None:
        raise InputError(f"{archive} does not contain {tree}/{sample}")
    origin = "\n".join([_origin(archive), *files]) + "\n"
    (unfinished / ORIGIN).write_bytes(os.fsencode(origin))  # file names may have any encoding
    shutil.rmtree(root, ignore_errors=True)
    unfinished.rename(root)
    return root


def is_unpacked(archive: Path, root: Path) -> bool:
    """Return whether `root` was unpacked from this archive and still has all its files."""
    marker = root / ORIGIN
    if not marker.is_file():
        return False
    return _read_origin(marker)[:1] == [_origin(archive)] and _missing(root) is None


def _find_tree(corpus: Corpus, download_dir: Path) -> Path | None:
    """Return the tree in `download_dir`, which may be any directory on the path of the tree."""
    parts = PurePosixPath(corpus.tree).parts
    candidates = [download_dir.joinpath(*parts[start:]) for start in range(len(parts))]
    if len(parts) == 1:  # otherwise it could be another tree of the same corpus
        candidates.insert(0, download_dir)
    return next(
        (path for path in candidates if next(path.glob(corpus.sample), None) is not None), None
    )


def _origin(archive: Path) -> str:
    """Return a text that identifies an archive and changes when the archive is replaced."""
    stat = archive.stat()
    return f"{archive.resolve()} {stat.st_size} {stat.st_mtime_ns}"


def _read_origin(marker: Path) -> list[str]:
    return os.fsdecode(marker.read_bytes()).split("\n")[:-1]


def _missing(root: Path) -> str | None:
    """Return the first missing file of an unpacked tree; None if there is none."""
    marker = root / ORIGIN
    if not marker.is_file():
        return None
    return next(
        (name for name in _read_origin(marker)[1:] if not os.path.isfile(root / name)), None
    )


def _name_below(member: tarfile.TarInfo, tree: PurePosixPath) -> PurePosixPath | None:
    """Return the path of a regular file relative to `tree`; None for any other member."""
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
