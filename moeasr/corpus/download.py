"""Resumable downloads, which are checked against published sizes and checksums."""

import hashlib
import http.client
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from moeasr.errors import InputError
from moeasr.logs import get_logger, progress

BLOCK_BYTES = 1 << 20
TIMEOUT_SEC = 60.0
OPENSLR_HOSTS = ("www.openslr.org", "openslr.elda.org", "openslr.magicdatatech.com")
# Errors after which another address may succeed; a full disk is not one of them.
NETWORK_ERRORS = (
    *(urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError),
    http.client.HTTPException,
)

logger = get_logger(__name__)


@dataclass(frozen=True)
class Published:
    """A file that a publisher offers for download."""

    urls: tuple[str, ...]
    """The addresses of the file, tried in this order; the last part of each is the file name."""
    num_bytes: int | None = None
    """The size of the file, bytes; None if it is not known."""
    checksum: str | None = None
    """`sha256:<hex digits>` or `md5:<hex digits>`; None if the publisher offers none."""

    @property
    def name(self) -> str:
        """The file name."""
        return self.urls[0].rsplit("/", 1)[-1]


def openslr(resource: int, name: str, num_bytes: int, md5: str | None = None) -> Published:
    """Return a file of an OpenSLR resource, with the addresses of OpenSLR and its mirrors."""
    urls = tuple(f"https://{host}/resources/{resource}/{name}" for host in OPENSLR_HOSTS)
    return Published(urls, num_bytes, f"md5:{md5}" if md5 else None)


def download(published: Published, directory: Path) -> Path:
    """Download a file from the first address that offers the complete file.

    An interrupted download is kept as `<name>.part`, and the next call resumes it. A complete file
    with a wrong size or checksum is removed.

    Args:
        published: The file to download.
        directory: The directory to write the file to.

    Returns:
        The path `directory/<name>`. It exists only after size and checksum have been checked.

    Raises:
        InputError: All addresses fail (the message gives the reason for each one), or the disk has
            too little space.
    """
    path = directory / published.name
    part = path.with_name(path.name + ".part")
    _check_space(part, published)
    failures = []
    for url in published.urls:
        logger.info("downloading %s", url)
        try:
            _fetch(url, part, published.num_bytes)
            check(part, published)
        except InputError as error:  # the complete file is not the published one
            failures.append(f"{url}: {error}")
            part.unlink()
        except NETWORK_ERRORS as error:
            failures.append(f"{url}: {error}")
        except OSError as error:  # an error of a write lacks the file name
            error.filename = error.filename or str(part)
            raise
        else:
            part.replace(path)
            return path
        logger.warning("%s", failures[-1])
    raise InputError(
        f"{path.name} could not be downloaded ({'; '.join(failures)}). Run the command again to "
        f"resume the download, or obtain {path.name} in another way and give its directory with "
        "--download-dir"
    )


def check(path: Path, published: Published) -> None:
    """Compare the size and the checksum of a file with the published ones, if there are any.

    Raises:
        InputError: The size or the checksum differs; the message gives both values.
    """
    num_bytes = path.stat().st_size
    if published.num_bytes is not None and num_bytes != published.num_bytes:
        raise InputError(
            f"{path} has {num_bytes} bytes, but the published file has {published.num_bytes}"
        )
    if published.checksum is None:
        return
    algorithm, _, wanted = published.checksum.partition(":")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as source:
        total = -(-num_bytes // BLOCK_BYTES)
        for block in progress(_blocks(source), f"checking {path.name}", total, unit="MiB"):
            digest.update(block)
    if digest.hexdigest() != wanted:
        raise InputError(
            f"{path} has the {algorithm} checksum {digest.hexdigest()}, but the published file has "
            f"{wanted}"
        )


def _check_space(part: Path, published: Published) -> None:
    """Raise `InputError` if the disk has too little space for the rest of a download."""
    if published.num_bytes is None:
        return
    have = part.stat().st_size if part.is_file() else 0
    wanted, free = published.num_bytes - have, shutil.disk_usage(part.parent).free
    if wanted > free:
        raise InputError(
            f"{part.parent}: {published.name} needs {wanted / 1e9:.1f} GB more, but only "
            f"{free / 1e9:.1f} GB are free"
        )


def _fetch(url: str, part: Path, num_bytes: int | None) -> None:
    """Download the rest of the file at `url` to the end of `part`."""
    have = part.stat().st_size if part.is_file() else 0
    if have and have == num_bytes:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SEC)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the part is not shorter than the file: start again
            raise
        response = urllib.request.urlopen(url, timeout=TIMEOUT_SEC)
    with response:
        if response.status != 206:  # the server does not resume: it sends the whole file
            have = 0
        length = response.headers.get("Content-Length", "")
        size = have + int(length) if length.isdecimal() else num_bytes
        with part.open("ab" if have else "wb") as sink:
            total = None if size is None else -(-size // BLOCK_BYTES)
            done = have // BLOCK_BYTES
            blocks = progress(
                _blocks(response), f"downloading {part.stem}", total, unit="MiB", initial=done
            )
            for block in blocks:
                sink.write(block)
    received = part.stat().st_size
    if size is not None and received < size:
        raise ConnectionError(f"only {received} bytes of {size} arrived")


def _blocks(source: BinaryIO | http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the rest of a file or of a response in blocks of one mebibyte."""
    yield from iter(lambda: source.read(BLOCK_BYTES), b"")
