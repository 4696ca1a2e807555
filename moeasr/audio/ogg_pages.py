"""Pages of Ogg files (RFC 3533, section 6), which show whether a file was cut short."""

from io import SEEK_END
from typing import BinaryIO

MARK = b"OggS\0"
"""The first bytes of a page: the capture pattern and the version."""
HEADER_BYTES = 27
"""Length of the header of a page without the table of segments, whose length is its last byte."""
MAX_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255


def is_cut_short(stream: BinaryIO) -> bool:
    """Return whether an Ogg file ends within a page.

    The flag of the last page is not asked for, because recorders that are stopped do not set it.

    Args:
        stream: The file, open for reading and seekable. It is at its start afterwards.
    """
    num_bytes = stream.seek(0, SEEK_END)
    stream.seek(max(0, num_bytes - MAX_PAGE_BYTES))
    tail = stream.read(MAX_PAGE_BYTES)
    stream.seek(0)
    start = tail.rfind(MARK)
    if start < 0:  # other data follows the last page
        return False
    page = tail[start:]
    if len(page) < HEADER_BYTES:
        return True
    num_segments = page[HEADER_BYTES - 1]
    segments = page[HEADER_BYTES : HEADER_BYTES + num_segments]
    return len(page) < HEADER_BYTES + num_segments + sum(segments)
