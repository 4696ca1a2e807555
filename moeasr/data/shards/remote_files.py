"""Files at addresses such as `https://` or `s3://`, read by position through fsspec.

Every driver of fsspec can read a range of bytes. A request that fails is repeated after a pause,
from the first piece that is still missing, and for a smaller piece: a connection that breaks after
a number of bytes still brings the file forward. A server of HTTP that ignores ranges would send the
whole file for every utterance. A file of such a server is copied once, to an unnamed temporary file
of the process, and read again from its start if the connection breaks.

Options of a driver, such as credentials, come from its environment variables or from fsspec's
configuration files.
"""

import errno
import os
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import urlsplit

from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.open_files import read_at

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

TIMEOUT_SEC = 60.0
"""Time after which an HTTP connection counts as broken that opens no more or sends no bytes."""

PAUSES_SEC = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The pauses between the attempts of a request."""

PIECE_BYTES, LEAST_PIECE_BYTES = 1 << 22, 1 << 16
"""Size of the largest range of a request, and of the smallest one after failures."""

FIRST_BYTES = 1 << 18
"""Minimum size of a range: a header and the audio behind it usually need only one request."""

MAX_COPIES = 16
"""Number of copied files that a process keeps."""

ResultT = TypeVar("ResultT")
logger = get_logger(__name__)


def is_address(path: str) -> bool:
    """Return whether a path is an address that needs fsspec."""
    return "://" in path


class _Held(NamedTuple):
    """The latest range of bytes that was requested."""

    address: str = ""
    start: int = 0
    content: bytes = b""
    is_end: bool = False
    """True if the file ends with the range."""


class RemoteFiles:
    """A reader of files at addresses by position."""

    def __init__(self) -> None:
        self._held = _Held()
        self._copies: dict[str, BinaryIO] = {}
        self._has_ranges: dict[tuple[str, str], bool] = {}

    def __getstate__(self) -> dict[str, Any]:
        # temporary files cannot be sent to another process, which makes its own
        return {"_held": _Held(), "_copies": {}, "_has_ranges": self._has_ranges}

    def read(self, address: str, start: int, num_bytes: int) -> bytes:
        """Return bytes of a file from a position on; fewer only at the end of the file.

        Raises:
            InputError: The file cannot be read, even after several attempts.
        """
        if not self._sends_ranges(address):
            return read_at(self._kept_copy(address).fileno(), start, num_bytes)
        held = self._held
        if held.address != address or not 0 <= start - held.start <= len(held.content):
            wanted = max(num_bytes, FIRST_BYTES)
            content = self._fetch(address, start, wanted)
            held = self._held = _Held(address, start, content, len(content) < wanted)
        first = start - held.start
        content = held.content[first : first + num_bytes]
        if len(content) < num_bytes and not held.is_end:
            content += self._fetch(address, start + len(content), num_bytes - len(content))
        return content

    def copy(self, address: str) -> BinaryIO:
        """Return a file as an unnamed temporary file, which the caller closes.

        Raises:
            InputError: As in `read`.
        """
        file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            if self._sends_ranges(address):
                while piece := self._fetch(address, file.tell(), PIECE_BYTES):
                    file.write(piece)
            else:
                system, path = _file_system(address)

                def request(attempt: int) -> None:
                    file.seek(0)
                    file.truncate()
                    system.get_file(path, file)

                _repeated(address, request)
            file.flush()
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _kept_copy(self, address: str) -> BinaryIO:
        if address not in self._copies:
            while len(self._copies) >= MAX_COPIES:
                self._copies.pop(next(iter(self._copies))).close()
            self._copies[address] = self.copy(address)
        return self._copies[address]

    def _sends_ranges(self, address: str) -> bool:
        """Return whether the server of an address can send a part of a file."""
        parts = urlsplit(address)
        server = parts.scheme, parts.netloc
        if parts.scheme not in ("http", "https"):
            return True
        if server not in self._has_ranges:
            # the answer is the whole file if the server does not know ranges
            system, path = _file_system(address)
            content = _repeated(address, lambda _: _range_of(system, path, 1, 1))
            self._has_ranges[server] = len(content) <= 1
            if len(content) > 1:
                logger.warning(
                    "%s does not send parts of files: every loader process copies whole shards",
                    f"{parts.scheme}://{parts.netloc}",
                )
        return self._has_ranges[server]

    def _fetch(self, address: str, start: int, num_bytes: int) -> bytes:
        """Request a range, piece by piece; the result is shorter only at the end of the file."""
        system, path = _file_system(address)
        found = bytearray()
        largest = PIECE_BYTES
        while len(found) < num_bytes:
            first, rest = start + len(found), num_bytes - len(found)

            def request(
                attempt: int, first: int = first, limit: int = min(largest, rest)
            ) -> tuple[bytes, int]:
                size = min(limit, max(limit >> attempt, LEAST_PIECE_BYTES))
                return _range_of(system, path, first, size), size

            content, size = _repeated(address, request)
            found += content
            if len(content) < size:
                break
            if size < rest:
                largest = size
        return bytes(found)


def _file_system(address: str) -> "tuple[AbstractFileSystem, str]":
    """Return the driver of an address, which belongs to this process, and the path for the driver.

    Raises:
        InputError: No driver is installed for the address.
    """
    import fsspec

    options = {}
    try:
        if address.startswith(("http://", "https://")):
            import aiohttp

            limits = aiohttp.ClientTimeout(
                total=None, sock_connect=TIMEOUT_SEC, sock_read=TIMEOUT_SEC
            )
            # an archive that the server compresses for the way would have other positions
            headers = {"Accept-Encoding": "identity"}
            options["client_kwargs"] = {"timeout": limits, "headers": headers, "trust_env": True}
        return fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        package = error
        if options or "aiohttp" in str(error):
            package = "pip install -e '.[shards]' in the checkout"
        raise InputError(
            f"{address} cannot be read, because the package for such addresses is not installed: "
            f"{package}"
        ) from None
    except ValueError as error:
        raise InputError(f"{address} cannot be read: {error}") from None


def _range_of(system: "AbstractFileSystem", path: str, start: int, num_bytes: int) -> bytes:
    """Return a range of a file; fewer bytes, or none, at the end of the file."""
    try:
        return system.cat_file(path, start=start, end=start + num_bytes)
    except Exception as error:
        # drivers of object stores give the status as an errno, which has other meanings as well
        is_invalid = isinstance(error, OSError) and error.errno == errno.EINVAL
        if getattr(error, "status", None) == 416 or (is_invalid and "range" in str(error)):
            return b""
        raise


def _repeated(address: str, request: Callable[[int], ResultT]) -> ResultT:
    """Return the result of a request, which is repeated unless its failure is permanent.

    Args:
        address: The address, for messages.
        request: Function that makes the request. Its argument is the number of failed attempts.

    Raises:
        InputError: The request failed permanently, or at every attempt.
    """
    for attempt in range(len(PAUSES_SEC) + 1):
        try:
            return request(attempt)
        except Exception as error:  # drivers raise errors of many libraries
            reason = _reason(error)
            if _is_permanent(error):
                break
            if attempt == len(PAUSES_SEC):
                reason += f" (after {attempt + 1} attempts)"
                break
            logger.warning("%s: %s; trying again", address, reason)
            time.sleep(PAUSES_SEC[attempt])
    raise InputError(f"{address} cannot be read: {reason}")


def _is_permanent(error: Exception) -> bool:
    """Return whether another attempt would fail likewise, such as for a file that is missing."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return 400 <= status < 500 and status not in (408, 429)
    kinds = (FileNotFoundError, PermissionError, IsADirectoryError, InputError)
    return isinstance(error, (*kinds, NotImplementedError, TypeError))


def _reason(error: Exception) -> str:
    """Return the cause of a failure in a few words."""
    if isinstance(error, FileNotFoundError):
        return os.strerror(errno.ENOENT)
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return f"the server answers {status} {getattr(error, 'message', '')}".rstrip()
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
