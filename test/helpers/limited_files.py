"""Files that cannot become larger than a limit, in place of a disk that becomes full."""

import resource
from contextlib import contextmanager


@contextmanager
def files_of_at_most(num_bytes):
    """Let every write beyond `num_bytes` of a file fail in this process: "File too large".

    Not a fixture: pytest reports a test before it takes its fixtures down, and its own output may
    go to a longer file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))  # Python ignores SIGXFSZ
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
