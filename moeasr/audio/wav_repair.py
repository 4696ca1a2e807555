"""WAV files whose chunks libsndfile cannot follow, rewritten so that it can.

Two kinds of writers make them: one that could not seek back to fill in the length of the samples,
and left it at 0; and one that adds no byte of padding after a chunk of odd length.
"""

from collections.abc import Iterator

_HEADER = 8  # of a chunk: its name and its length
_MAX_CHUNKS = 1000


def is_wav(head: bytes) -> bool:
    """Return whether a file begins as a RIFF/WAV file does."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def repair_wav(content: bytes) -> bytes | None:
    """Return a WAV file with the same samples, whose chunks are laid out as they should be.

    Args:
        content: A file that `is_wav`.

    Returns:
        The chunks `fmt ` and `data`, the latter as long as it says, or to the end of the file if it
        says 0 and samples follow; None if there are no such chunks, or no samples.
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
    """Yield name, first byte and length of each chunk as far as they make sense."""
    at = 12  # after RIFF, the length and WAVE
    for _ in range(_MAX_CHUNKS):
        if not _is_name(content, at):
            return
        size = int.from_bytes(content[at + 4 : at + _HEADER], "little")
        yield content[at : at + 4], at + _HEADER, size
        at += _HEADER + size
        if size % 2 and (not content[at : at + 1].strip(b"\0") or not _is_name(content, at)):
            at += 1  # the byte of padding


def _is_name(content: bytes, at: int) -> bool:
    name = content[at : at + 4]
    return len(content) >= at + _HEADER and name.isascii() and name.decode().isprintable()


def _is_chain(content: bytes, at: int) -> bool:
    """Return whether whole chunks, or nothing, fill a file from a place to its end."""
    while at < len(content):
        if not _is_name(content, at):
            return False
        size = int.from_bytes(content[at + 4 : at + _HEADER], "little")
        at += _HEADER + size + size % 2
    return at in (len(content), len(content) + 1)


def _chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk, padded to an even length; `size` is what it says of its own length."""
    size = len(content) if size is None else size
    return name + min(size, 0xFFFFFFFF).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
