"""Files kept open for positioned reads."""

import os

MAX_OPEN_FILES = 128


class OpenFiles:
    """Descriptors of files by their name, opened when first asked for.

    Meant for `os.pread`, so that worker processes which inherit the open files do not move each
    other's place in them.
    """

    def __init__(self) -> None:
        self._descriptors: dict[str, int] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._descriptors)

    def __contains__(self, path: str) -> bool:
        """Whether a file is open."""
        return path in self._descriptors

    def descriptor(self, path: str) -> int:
        """The descriptor of a file, open for reading.

        Raises:
            OSError: It cannot be opened.
        """
        # O_NONBLOCK: a named pipe would wait for a writer; it matters to no file
        descriptor = self._descriptors.get(path)
        if descriptor is None:
            if len(self._descriptors) >= MAX_OPEN_FILES:
                self.close()
            descriptor = self._descriptors[path] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return descriptor

    def close(self) -> None:
        """Close all files; they are opened again if need be."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        # open files cannot travel to a spawned worker: it opens its own
        return {"_descriptors": {}}
