"""An HTTP server of a folder, which drops connections and may not know ranges."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote


class Request(NamedTuple):
    """A request that a server received: the file's name and the range, as (first, last) bytes."""

    name: str
    span: tuple[int, int] | None


class UnreliableServer:
    """A server of the files in a folder.

    Args:
        folder: The folder.
        drops: The number of bytes of content after which each response in turn breaks off; None
            for a response that does not. Responses after those are complete.
        limit: The number of bytes after which every response breaks off; None for no limit.
        ranges: Whether the server knows ranges.
        status: Status of every response that is not a success; None for none.
    """

    def __init__(
        self,
        folder: Path,
        drops: Sequence[int | None] = (),
        limit: int | None = None,
        ranges: bool = True,
        status: int | None = None,
    ) -> None:
        self.folder = folder
        self.drops = list(drops)
        self.limit = limit
        self.ranges = ranges
        self.status = status
        self.requests: list[Request] = []
        self.address = ""
        self.lock = threading.Lock()

    def drop(self) -> int | None:
        """Return the number of bytes after which the next response breaks off."""
        with self.lock:
            drop = self.drops.pop(0) if self.drops else None
        return self.limit if drop is None else drop


@contextmanager
def serving(server: UnreliableServer) -> Iterator[UnreliableServer]:
    """Serve at a free port, in a thread."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            name = unquote(self.path.lstrip("/"))
            path = server.folder / name
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            span = (int(found[1]), int(found[2])) if found else None
            with server.lock:
                server.requests.append(Request(name, span))
            if server.status or not path.is_file():
                self.answer(server.status or 404, b"")
                return
            content = path.read_bytes()
            if span is None or not server.ranges:
                self.answer(200, content)
            elif span[0] >= len(content):
                self.answer(416, b"")
            else:
                self.answer(206, content[span[0] : span[1] + 1])

        def answer(self, status: int, content: bytes) -> None:
            drop = server.drop() if content else None
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # of a client that has stopped
                self.wfile.write(content[:drop])
            if drop is not None and drop < len(content):
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.address = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
