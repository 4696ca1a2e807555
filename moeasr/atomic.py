"""Files that appear under their final name only when they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary file is flushed to disk before the rename, so that a full disk or a crash leaves
    either the old file or the new one, never half of one. On an exception it is removed.

    Args:
        path: Final name. Its directory is made if absent.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp{os.getpid()}")
    try:
        yield temporary
        # r+b: Windows refuses fsync on a read-only handle, and POSIX does not mind.
        with open(temporary, "r+b") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is None:  # a failed write knows its handle only
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
