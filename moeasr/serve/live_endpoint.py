"""The websocket of live streams."""

import asyncio
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from moeasr.errors import InputError
from moeasr.plurals import counted
from moeasr.serve.client_stream import ClientStream
from moeasr.serve.config import Limits
from moeasr.serve.messages import END_OF_AUDIO, END_OF_RESULTS, result_message, samples_of
from moeasr.serve.metrics import Metrics
from moeasr.serve.stream_worker import FAULT, StreamWorker

MAX_REASON_BYTES = 123
"""Size of the reason in a message that closes a websocket."""
CLOSE_SEC = 5.0
"""Time that a client has to answer the message that closes its websocket."""


class _Closed(Exception):
    """The end of a stream before its audio has ended.

    Args:
        code: Status code of the message that closes the websocket.
        reason: Its reason; empty if the client has closed the websocket.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class LiveEndpoint:
    """A handler of websockets, each of which is a live stream.

    Args:
        worker: The thread that recognises streams.
        limits: Limits of the server.
        metrics: Counters.
    """

    def __init__(self, worker: StreamWorker, limits: Limits, metrics: Metrics) -> None:
        self._worker = worker
        self._limits = limits
        self._metrics = metrics
        self._sessions: set[_Session] = set()
        self._is_stopping = False

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve a stream from its first to its last message."""
        limits = self._limits
        socket = web.WebSocketResponse(
            max_msg_size=limits.max_message_kb * 1000, compress=False, timeout=CLOSE_SEC
        )
        await socket.prepare(request)
        try:
            self._check_room(request)
        except _Closed as closed:
            self._metrics.add("refused_total")
            await _close(socket, closed)
            return socket
        phrases = request.query.getall("phrase", [])
        stream = ClientStream(self._worker, limits.max_waiting_audio, phrases)
        session = _Session(socket, request.transport, stream, limits.max_idle)
        self._sessions.add(session)
        self._metrics.add("streams_total")
        self._metrics.add("streams_active")
        try:
            await session.run()
        except _Closed as closed:
            self._metrics.add("streams_failed_total")
            await _close(socket, closed)
        finally:
            self._sessions.discard(session)
            self._metrics.add("streams_active", -1)
        return socket

    def _check_room(self, request: web.Request) -> None:
        """Raise `_Closed` unless the server can serve another stream as the client wants it."""
        if self._is_stopping:
            raise _Closed(WSCloseCode.GOING_AWAY, "the server is stopping")
        if len(self._sessions) >= self._limits.max_clients:
            raise _Closed(
                WSCloseCode.TRY_AGAIN_LATER,
                f"the limit of {counted(self._limits.max_clients, 'stream')} is reached; "
                "try again later",
            )
        rate = request.query.get("sample_rate", str(self._worker.sample_rate_hz))
        if rate != str(self._worker.sample_rate_hz):
            raise _Closed(
                WSCloseCode.POLICY_VIOLATION,
                f"samples must have {self._worker.sample_rate_hz} Hz, not {rate[:10]}; resample",
            )

    async def stop(self) -> None:
        """Let running streams finish; after the time of grace, end those that are still sending."""
        self._is_stopping = True
        running = [asyncio.ensure_future(session.ended.wait()) for session in self._sessions]
        if running:
            _, late = await asyncio.wait(running, timeout=self._limits.grace)
            for waiting in late:
                waiting.cancel()
            for session in self._sessions:
                session.stop()


class _Session:
    """One stream of a client.

    Args:
        socket: The websocket.
        transport: The connection of the websocket; None if it is closed.
        stream: The stream.
        max_idle: Time without a message or without progress in sending, seconds.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        stream: ClientStream,
        max_idle: float,
    ) -> None:
        self.ended = asyncio.Event()
        self._socket = socket
        self._transport = transport
        self._stream = stream
        self._max_idle = max_idle
        self._reader: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """End the audio as if the client had ended it."""
        if self._reader is not None:
            self._reader.cancel()

    async def run(self) -> None:
        """Read samples and send results until both have ended.

        Raises:
            _Closed: The stream has ended before that.
        """
        self._reader = reader = asyncio.create_task(self._receive())
        writer = asyncio.create_task(self._send())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                await writer  # raises, because the stream has not ended
            is_stopped = reader.cancelled()
            if not is_stopped:
                reader.result()
            self._stream.finish()
            await writer
        except asyncio.TimeoutError:
            self._abort()
            raise _Closed(WSCloseCode.POLICY_VIOLATION, "") from None
        except ConnectionError:
            raise _Closed(WSCloseCode.ABNORMAL_CLOSURE, "") from None
        finally:
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            self._stream.drop()
            self.ended.set()
        code = WSCloseCode.GOING_AWAY if is_stopped else WSCloseCode.OK
        await self._socket.close(code=code, message=b"the server is stopping" * is_stopped)

    async def _receive(self) -> None:
        """Read samples until the end of the audio."""
        while True:
            try:
                message = await self._socket.receive(timeout=self._max_idle)
            except asyncio.TimeoutError:
                reason = f"no message for {self._max_idle:g} s"
                raise _Closed(WSCloseCode.POLICY_VIOLATION, reason) from None
            if message.type == WSMsgType.BINARY:
                try:
                    samples = samples_of(message.data)
                except InputError as error:
                    raise _Closed(WSCloseCode.INVALID_TEXT, str(error)) from None
                await self._stream.push(samples)
            elif message.type == WSMsgType.TEXT and message.data.strip() == END_OF_AUDIO:
                return
            elif message.type == WSMsgType.TEXT:
                reason = f"a text message must be `{END_OF_AUDIO}`; samples are binary messages"
                raise _Closed(WSCloseCode.UNSUPPORTED_DATA, reason)
            else:  # closed by the client, or by aiohttp because of an invalid message
                raise _Closed(WSCloseCode.ABNORMAL_CLOSURE, "")

    async def _send(self) -> None:
        """Send results until the end of the stream."""
        segment = 0
        try:
            while (result := await self._stream.next_result()) is not None:
                await self._send_text(result_message(result, segment))
                segment += result.is_final
        except InputError as error:
            is_ours = str(error) == FAULT
            code = WSCloseCode.INTERNAL_ERROR if is_ours else WSCloseCode.INVALID_TEXT
            raise _Closed(code, str(error)) from None
        await self._send_text(END_OF_RESULTS)

    async def _send_text(self, text: str) -> None:
        await asyncio.wait_for(self._socket.send_str(text), self._max_idle)

    def _abort(self) -> None:
        """Close the connection to a client that reads nothing."""
        if self._transport is not None:
            self._transport.abort()


async def _close(socket: web.WebSocketResponse, closed: _Closed) -> None:
    """Close a websocket with the reason, unless it is closed already."""
    with suppress(ConnectionError):
        reason = closed.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
        await socket.close(code=closed.code, message=reason)
