"""Get hold of the AN4 tree: unpacked already, in an archive, or from the network."""

import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath

from moeasr.errors import InputError
from moeasr.logs import get_logger, progress

# The first is the corpus's home; the second is a mirror, as the home is sometimes unreachable.
URLS = (
    "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz",
    "https://dldata-public.s3.us-east-2.amazonaws.com/an4_sphere.tar.gz",
)
ARCHIVES = ("an4.tar.xz", "an4_sphere.tar.gz", "an4.tar.gz", "an4.tar")
BLOCK_BYTES = 1 << 20
TIMEOUT_SEC = 60.0

logger = get_logger("an4")


def obtain(download_dir: Path, unpack_dir: Path, urls: tuple[str, ...] = URLS) -> Path:
    """Find the `an4` directory, unpacking or downloading it first if need be.

    Args:
        download_dir: May be the tree, or hold the tree or an archive of it; it is only written to
            when there is neither, and the archive has to be downloaded.
        unpack_dir: Where an archive is unpacked to.
        urls: Addresses of the archive, tried in this order.

    Returns:
        The directory with `etc` and `wav` in it.

    Raises:
        InputError: `download_dir` does not exist, an archive is broken, no address answers.
    """
    if not download_dir.is_dir():
        raise InputError(f"{download_dir.absolute()}: no such directory (--download-dir)")
    for root in (download_dir, download_dir / "an4"):
        if (root / "etc" / "an4_train.fileids").is_file():
            return root
    for name in ARCHIVES:
        if (download_dir / name).is_file():
            return unpack(download_dir / name, unpack_dir)
    return unpack(download(urls, download_dir), unpack_dir)


def unpack(archive: Path, unpack_dir: Path) -> Path:
    """Unpack `archive` to `unpack_dir/an4`, unless that came from this very archive already.

    Only regular files under `an4/` are taken out, so that no archive can write elsewhere, and
    the directory appears under its name when it is whole.
    """
    root = unpack_dir / "an4"
    stat = archive.stat()
    origin = f"{archive.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"
    marker = root / ".unpacked_from"
    if marker.is_file() and marker.read_text(encoding="utf-8") == origin:
        return root
    logger.info("unpacking %s", archive)
    unfinished = unpack_dir / ".an4.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with tarfile.open(archive) as tar:
            for member in progress(tar, "unpacking", unit="files"):
                _extract(tar, member, unfinished)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{archive}: cannot be unpacked ({error}); is it complete?") from error
    if not (unfinished / "etc").is_dir():
        raise InputError(f"{archive}: there is no an4/etc in it")
    (unfinished / marker.name).write_text(origin, encoding="utf-8")
    shutil.rmtree(root, ignore_errors=True)
    unfinished.rename(root)
    return root


def download(urls: tuple[str, ...], download_dir: Path) -> Path:
    """Download the archive from the first address that has it whole.

    A broken-off download is kept as `<name>.part` and taken up again by the next call.

    Returns:
        The archive, `download_dir/<last part of the address>`.
    """
    failures = []
    for url in urls:
        archive = download_dir / url.rsplit("/", 1)[-1]
        logger.info("downloading %s", url)
        try:
            _fetch(url, archive)
            return archive
        # URLError and time-outs are OSErrors
        except (OSError, http.client.HTTPException, InputError) as error:
            failures.append(f"{url}: {error}")
            logger.warning("%s", failures[-1])
    raise InputError(
        f"AN4 could not be downloaded ({'; '.join(failures)}). Run again to take the download up "
        f"where it stopped, or get {ARCHIVES[1]} by other means and name its directory with "
        "--download-dir"
    )


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write one regular file `an4/...` below `target`; skip whatever else an archive may hold."""
    parts = [part for part in PurePosixPath(member.name).parts if part != "."]
    if not member.isfile() or len(parts) < 2 or parts[0] != "an4" or ".." in parts:
        return
    source = tar.extractfile(member)
    assert source is not None  # it is a regular file
    path = target.joinpath(*parts[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as sink:
        shutil.copyfileobj(source, sink, BLOCK_BYTES)


def _fetch(url: str, archive: Path) -> None:
    """Download `url` to `archive` by way of `<archive>.part`, from where that stopped."""
    part = archive.with_name(archive.name + ".part")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SEC)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the part is not shorter than the file: begin again
            raise
        part.unlink()
        have = 0
        response = urllib.request.urlopen(url, timeout=TIMEOUT_SEC)
    with response:
        if response.status != 206:  # the server does not resume: it sends the whole file
            have = 0
        length = response.headers.get("Content-Length")
        size = have + int(length) if length is not None else None
        with part.open("ab" if have else "wb") as sink:
            blocks = iter(lambda: response.read(BLOCK_BYTES), b"")
            total = None if size is None else -(-size // BLOCK_BYTES)
            done = have // BLOCK_BYTES
            for block in progress(blocks, archive.name, total, unit="MiB", initial=done):
                sink.write(block)
    received = part.stat().st_size
    if size is not None and received != size:
        raise InputError(f"{received} bytes of {size} arrived")
    part.replace(archive)
