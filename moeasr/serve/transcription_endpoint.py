"""The endpoint for audio files in the form of OpenAI, `POST /v1/audio/transcriptions`."""

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from moeasr.api.long_recording import TranscribedRecording
from moeasr.errors import InputError, describe
from moeasr.logs import get_logger
from moeasr.report.captions import captions_of
from moeasr.report.transcript_forms import as_srt, as_vtt
from moeasr.serve.config import Limits
from moeasr.serve.messages import words_json
from moeasr.serve.metrics import Metrics
from moeasr.serve.stream_worker import FAULT
from moeasr.serve.uploaded_audio import STOPPING, UploadedAudio
from moeasr.strict_json import to_json

ResultT = TypeVar("ResultT")
FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
IGNORED = ("model", "language", "prompt", "temperature", "timestamp_granularities[]", "stream")
"""Fields that have no effect. `language` and `prompt` are hints, which this model does not need."""
MAX_FIELD_BYTES, CHUNK_BYTES = 10_000, 1 << 16
logger = get_logger(__name__)


class _Refused(Exception):
    """A request that is not answered with a transcription.

    Args:
        status: HTTP status.
        message: The reason.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TranscriptionEndpoint:
    """A handler of uploaded files, which one thread recognises one after the other.

    Args:
        recognizer: The recogniser of files.
        limits: Limits of the server.
        metrics: Counters.
    """

    def __init__(self, recognizer: UploadedAudio, limits: Limits, metrics: Metrics) -> None:
        self._recognizer = recognizer
        self._limits = limits
        self._metrics = metrics
        self._num_waiting = 0
        self._is_idle: asyncio.Event | None = None  # when the server is stopping
        self._thread = ThreadPoolExecutor(1, "files")

    async def handle(self, request: web.Request) -> web.Response:
        """Return a transcription, or an error in the form of OpenAI."""
        try:
            if self._is_idle is not None:
                raise _Refused(503, STOPPING)
            if self._num_waiting >= self._limits.max_waiting_files:
                self._metrics.add("refused_total")
                raise _Refused(503, "too many files are waiting; try again later")
            self._num_waiting += 1
            try:
                return await self._transcribe(request)
            finally:
                self._num_waiting -= 1
                if self._is_idle is not None and self._num_waiting == 0:
                    self._is_idle.set()
        except _Refused as refused:
            kind = "server_error" if refused.status >= 500 else "invalid_request_error"
            error = {"message": str(refused), "type": kind, "param": None, "code": None}
            response = _json({"error": error})
            response.set_status(refused.status)
            if request.content.at_eof():
                return response
            response.force_close()  # the rest of the body is not read
            return response

    async def stop(self) -> None:
        """Let files finish, and after the time of grace stop them."""
        self._is_idle = asyncio.Event()
        if self._num_waiting:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._is_idle.wait(), self._limits.grace)
        self._recognizer.stop()

    def close(self) -> None:
        """End the thread. A file that is being recognised is stopped."""
        self._recognizer.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _transcribe(self, request: web.Request) -> web.Response:
        fields, content = await self._read(request)
        form = fields.get("response_format", "json")
        if form not in FORMATS:
            raise _Refused(
                400, f"`response_format` must be one of {', '.join(FORMATS)}, but is '{form}'"
            )
        if fields.get("stream", "false").lower() not in ("false", "0"):
            raise _Refused(400, "`stream` is not supported; use the websocket for live results")
        loop = asyncio.get_running_loop()
        work = self._recognizer.transcribe, content, fields["file"]
        try:
            found = await loop.run_in_executor(self._thread, *work)
        except InputError as error:
            self._metrics.add("files_failed_total")
            raise _Refused(503 if str(error) == STOPPING else 400, str(error)) from None
        except Exception as error:
            self._metrics.add("files_failed_total")
            logger.error("a file failed: %s", describe(error))
            raise _Refused(500, FAULT) from None
        self._metrics.add("files_total")
        return _response(form, fields["file"], found)

    async def _read(self, request: web.Request) -> tuple[dict[str, str], bytes]:
        """Return the fields of a form, of which `file` is the name of the file, and the file."""
        if request.content_type != "multipart/form-data":
            raise _Refused(400, "the request must be a form (multipart/form-data) with `file`")
        fields: dict[str, str] = {}
        content = b""
        try:
            form = await request.multipart()
            while (part := await self._in_time(form.next())) is not None:
                if not isinstance(part, BodyPartReader) or part.name is None:
                    raise _Refused(400, "each part of the form must be a field with a name")
                if part.name == "file":
                    if "file" in fields:
                        raise _Refused(400, "the form has more than one `file`")
                    name = part.filename or "the file"
                    fields["file"] = name.encode(errors="replace").decode()  # perhaps no UTF-8
                    content = await self._read_part(part, self._limits.max_file_mb * 1_000_000)
                elif part.name in (*IGNORED, "response_format"):
                    value = await self._read_part(part, MAX_FIELD_BYTES)
                    fields[part.name] = value.decode(errors="replace").strip()
                else:
                    raise _Refused(400, f"the form has the unknown field `{part.name[:40]}`")
        except (ValueError, HttpProcessingError, web.RequestPayloadError) as error:
            raise _Refused(400, f"the form is damaged: {error}") from None
        except ConnectionError:
            raise _Refused(400, "the client has ended the connection") from None
        except asyncio.TimeoutError:
            raise _Refused(408, f"no data for {self._limits.max_idle:g} s") from None
        if "file" not in fields:
            raise _Refused(400, "the form lacks the field `file` with an audio file")
        return fields, content

    async def _read_part(self, part: BodyPartReader, max_bytes: int) -> bytes:
        """Return the content of a field."""
        content = bytearray()
        while chunk := await self._in_time(part.read_chunk(CHUNK_BYTES)):
            content += chunk
            if len(content) > max_bytes:
                self._metrics.add("refused_total")
                raise _Refused(413, f"`{part.name}` may have at most {max_bytes} bytes")
        return bytes(content)

    async def _in_time(self, read: Awaitable[ResultT]) -> ResultT:
        return await asyncio.wait_for(read, self._limits.max_idle)


def _response(form: str, name: str, found: TranscribedRecording) -> web.Response:
    """Return a transcription in one of `FORMATS`."""
    if form == "json":
        return _json({"text": found.text})
    if form == "text":
        return web.Response(text=f"{found.text}\n")
    if form == "srt":
        return web.Response(text=as_srt(name, found), content_type="application/x-subrip")
    if form == "vtt":
        return web.Response(text=as_vtt(name, found), content_type="text/vtt")
    segments = [
        {"id": number, "start": round(c.start, 3), "end": round(c.end, 3), "text": c.text}
        for number, c in enumerate(captions_of(found.segments))
    ]
    return _json(
        {
            "task": "transcribe",
            "duration": round(found.duration, 3),
            "text": found.text,
            "segments": segments,
            "words": words_json(found.words),
        }
    )


def _json(content: object) -> web.Response:
    text = to_json(content, ensure_ascii=False)
    return web.Response(text=text, content_type="application/json")
