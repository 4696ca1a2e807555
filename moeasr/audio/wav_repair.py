"""A repair of WAV files whose chunk layout libsndfile cannot read.

Two kinds of programs write such files. One kind cannot seek back to fill in the length of the
samples, and leaves it at 0. The other adds no padding byte after a chunk of odd length.
"""

from collections.abc import Iterator

_HEADER = 8  # bytes of a chunk's header: its name and its length
_MAX_CHUNKS = 1000


def is_wav(head: bytes) -> bool:
    """Return whether a file begins like a RIFF/WAV file."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def repair_wav(content: bytes) -> bytes | None:
    """Return a WAV file with the same samples and a valid chunk layout.

    Args:
        content: A file that `is_wav` accepts.

    Returns:
        A file with the chunks `fmt ` and `data`. If the length of `data` is 0 and samples follow,
        the chunk extends to the end of the file. None if a chunk is missing or there are no
        samples.
    """
    chunks = dict(reversed([(name, (start, size)) for name, start, size in _chunks(content)]))
    if not {b"fmt ", b"data"} <= chunks.keys():
        return None
    start, size = chunks[b"data"]
    if size == 0 and not _is_chain(content, start):
        size = len(content) - start
    if size == 0:
        return None
    first, length = chunks[b"fmt "]
    body = b"WAVE" + _chunk(b"fmt ", content[first : first + length])
    body += _chunk(b"data", content[start : start + size], size)
    return _chunk(b"RIFF", body)


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, first byte and length of each chunk, until a name is invalid."""
    at = 12  # after RIFF, the length and WAVE
    for _ in range(_MAX_CHUNKS):
        if not _is_name(content, at):
            return
        size = int.from_bytes(content[at + 4 : at + _HEADER], "little")
        yield content[at : at + 4], at + _HEADER, size
        at += _HEADER + size
        if size % 2 and (not content[at : at + 1].strip(b"\0") or not _is_name(content, at)):
            at += 1  # the padding byte


def _is_name(content: bytes, at: int) -> bool:
    name = content[at : at + 4]
    return len(content) >= at + _HEADER and name.isascii() and name.decode().isprintable()


def _is_chain(content: bytes, at: int) -> bool:
    """Return whether a file consists of whole chunks (or nothing) from a position to its end."""
    while at < len(content):
        if not _is_name(content, at):
            return False
        size = int.from_bytes(content[at + 4 : at + _HEADER], "little")
        at += _HEADER + size + size % 2
    return at in (len(content), len(content) + 1)


def _chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk, padded to an even length; `size` is the length in its header."""
    size = len(content) if size is None else size
    return name + min(size, 0xFFFFFFFF).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
