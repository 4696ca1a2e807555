"""A lock on a directory, which is released whenever and however the process that holds it ends."""

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moeasr.errors import InputError
from moeasr.logs import get_logger

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = get_logger(__name__)
NAME = ".lock"
TAKEN = (errno.EACCES, errno.EAGAIN)


@contextmanager
def lock_directory(directory: str | Path, work: str, name: str = NAME) -> Iterator[None]:
    """Hold the lock of a directory, so that no other process does the same work in it.

    The kernel keeps the lock (POSIX `fcntl`) and releases it when the process dies, so that no
    stale lock can block a later run. The lock's file remains in the directory and only names the
    holder. Child processes do not inherit the lock. If the file system has no locks, a warning is
    logged and the work proceeds.

    Args:
        directory: Created if it does not exist.
        work: The work that only one process may do, for the message ("training").
        name: Name of the lock's file; locks of different names do not exclude each other.

    Raises:
        InputError: Another process holds the lock. The message names the directory and the
            holder's process id and host.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / name, "a+", encoding="utf-8") as handle:
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, "this system has no fcntl")
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in TAKEN:
                handle.seek(0)
                holder = handle.read(200).strip() or "a process that is not named yet"
                raise InputError(
                    f"{directory}: {work} is already running here ({holder}); wait until it ends, "
                    "or choose another directory"
                ) from None
            logger.warning(
                "%s cannot be locked (%s): make sure that only one %s runs there",
                directory,
                error.strerror or error,
                work,
            )
            yield
            return
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {platform.node() or 'an unnamed host'}\n")
        handle.flush()
        yield
