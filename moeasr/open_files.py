"""Files kept open for positioned reads."""

import os

MAX_OPEN_FILES = 128


def read_at(descriptor: int, start: int, num_bytes: int) -> bytes:
    """Return bytes of a file from a position on; fewer only at the end of the file.

    The size of the file limits the memory that an absurd `num_bytes` could ask for.
    """
    num_bytes = min(num_bytes, os.fstat(descriptor).st_size - start)
    return os.pread(descriptor, num_bytes, start) if num_bytes > 0 else b""


class OpenFiles:
    """File descriptors by file name, each opened at its first use.

    They are meant for `os.pread`, so that worker processes that inherit them do not move each
    other's file position.
    """

    def __init__(self) -> None:
        self._descriptors: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of open files."""
        return len(self._descriptors)

    def __contains__(self, path: str) -> bool:
        """Return whether a file is open."""
        return path in self._descriptors

    def descriptor(self, path: str) -> int:
        """Return the descriptor of a file that is open for reading.

        Raises:
            OSError: The file cannot be opened.
        """
        # O_NONBLOCK keeps a named pipe from waiting for a writer; files ignore it
        descriptor = self._descriptors.get(path)
        if descriptor is None:
            if len(self._descriptors) >= MAX_OPEN_FILES:
                self.close()
            descriptor = self._descriptors[path] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return descriptor

    def close(self) -> None:
        """Close all files. They are opened again when they are needed."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        # file descriptors cannot be sent to a spawned worker, which opens its own
        return {"_descriptors": {}}
