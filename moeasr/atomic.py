"""Files that appear under their final name only when they are complete.

An incomplete file has a temporary name beside the final one, and its writer holds a lock on it
(`flock`). The kernel releases the lock when the writer dies. The next writer of the same final name
removes the temporary files that dead writers of this host have left. The file of a living writer is
locked and therefore kept.
"""

import os
import platform
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary file is flushed to disk before the rename, so that a full disk or a crash leaves
    either the old file or the new one, never a partial file. After an exception, the temporary file
    is removed.

    Args:
        path: Final name. Its directory is created if it does not exist.
    """
    path = Path(path)
    try:
        with _locked(path.parent, path.name, is_directory=False) as temporary:
            yield temporary
            # r+b: Windows refuses fsync on a read-only handle, and POSIX does not mind.
            with open(temporary, "r+b") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, path)
    except OSError as error:
        # A failed write does not know the name, and the temporary name means nothing to the user.
        name = None if error.filename is None else os.path.basename(str(error.filename))
        if name is None or name.startswith(_prefix(path.name)):
            error.filename = str(path)
        raise


@contextmanager
def temporary_directory(parent: str | Path, name: str) -> Iterator[Path]:
    """Yield a new hidden directory, and remove it at the end unless it was renamed.

    Args:
        parent: The directory to create it in, which is created if it does not exist.
        name: A name that tells the purpose. Directories that dead processes left under this name
            are removed.
    """
    with _locked(Path(parent), name, is_directory=True) as temporary:
        yield temporary


@contextmanager
def _locked(parent: Path, name: str, is_directory: bool) -> Iterator[Path]:
    """Create a temporary file or directory, and hold a lock on it until the block ends."""
    parent.mkdir(parents=True, exist_ok=True)
    prefix = _prefix(name)
    _remove_leftovers(parent, prefix)
    handle = None
    while handle is None:
        temporary = parent / f"{prefix}{os.getpid()}.{secrets.token_hex(4)}"
        handle = _create(temporary, is_directory)
    try:
        yield temporary
    finally:
        _remove(temporary)
        if handle >= 0:
            os.close(handle)


def _prefix(name: str) -> str:
    """Return the start of all temporary names that this host gives."""
    return f".{name}.tmp.{platform.node()[:30]}."


def _create(temporary: Path, is_directory: bool) -> int | None:
    """Return the locked handle; -1 if the system has no locks, None if the file was removed."""
    if is_directory:
        temporary.mkdir()
    else:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    return _lock(temporary, wait=True)


def _lock(path: Path, wait: bool) -> int | None:
    """Lock a file or directory.

    Args:
        path: The file or directory.
        wait: True to wait until another holder releases the lock. A process that removes leftovers
            holds it briefly.

    Returns:
        A handle that holds the lock; -1 if the system has no locks or another process holds this
        one; None if the file no longer exists.
    """
    if fcntl is None:
        return -1
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return -1 if path.exists() else None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(handle), os.stat(path)):
            return handle
        result = None
    except FileNotFoundError:
        result = None
    except OSError:
        result = -1
    os.close(handle)
    return result


def _remove_leftovers(parent: Path, prefix: str) -> None:
    """Remove the temporary files of dead processes of this host."""
    try:
        names = os.listdir(parent)
    except PermissionError:  # a directory that may be written, but not listed
        return
    for name in names:
        if not name.startswith(prefix):
            continue
        handle = _lock(parent / name, wait=False)
        if handle is not None and handle >= 0:
            _remove(parent / name)
            os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
