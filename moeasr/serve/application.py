"""The web application: the page, live streams, files, health and metrics."""

import asyncio
from importlib.resources import files

from aiohttp import web

from moeasr.serve.access import access_rules, is_websocket
from moeasr.serve.config import AddressConfig, Limits
from moeasr.serve.live_endpoint import LiveEndpoint
from moeasr.serve.metrics import CONTENT_TYPE, Metrics
from moeasr.serve.served_model import ServedModel
from moeasr.serve.stream_worker import StreamWorker
from moeasr.serve.transcription_endpoint import TranscriptionEndpoint
from moeasr.serve.uploaded_audio import UploadedAudio
from moeasr.strict_json import to_json

INDEX = "index.html"
PAGE_TYPES = {
    INDEX: "text/html",
    "style.css": "text/css",
    "page.js": "text/javascript",
    "capture.js": "text/javascript",
}
"""The files of the page."""


class ServedApplication:
    """The application of a model.

    Args:
        model: The model folder with its settings.
        limits: Limits of the server.
        address: The token of clients, and the names of the server.
    """

    def __init__(self, model: ServedModel, limits: Limits, address: AddressConfig) -> None:
        self._model = model
        self._needs_token = address.token is not None
        self._metrics = Metrics()
        self._worker = StreamWorker(model.batch, limits.max_batch, self._metrics)
        self._live = LiveEndpoint(self._worker, limits, self._metrics)
        recognizer = UploadedAudio(
            model.engine, model.whole, limits.max_file_duration, self._metrics
        )
        self._uploads = TranscriptionEndpoint(recognizer, limits, self._metrics)
        folder = files("moeasr.serve") / "page"
        self._page = {name: (folder / name).read_bytes() for name in PAGE_TYPES}
        self.web = web.Application(middlewares=[access_rules(address)])
        """The application for aiohttp."""
        self.web.add_routes(
            [
                web.get("/", self._root),
                web.get("/page/{name}", self._page_file),
                web.get("/health", self._health),
                web.get("/metrics", self._show_metrics),
                web.post("/v1/audio/transcriptions", self._uploads.handle),
            ]
        )
        self.web.on_startup.append(self._start)
        self.web.on_shutdown.append(self._stop)
        self.web.on_cleanup.append(self._clean_up)

    async def _root(self, request: web.Request) -> web.StreamResponse:
        return await self._live.handle(request) if is_websocket(request) else self._file(INDEX)

    async def _page_file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._page:
            raise web.HTTPNotFound
        return self._file(name)

    def _file(self, name: str) -> web.Response:
        headers = {"Cache-Control": "no-cache"}
        kind = PAGE_TYPES[name]
        body = self._page[name]
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    async def _health(self, request: web.Request) -> web.Response:
        content = {
            "status": "ok",
            "model": self._model.engine.describe(),
            "sample_rate": self._model.engine.sample_rate_hz,
            "needs_token": self._needs_token,
            "streams": int(self._metrics.value("streams_active")),
        }
        return web.Response(text=to_json(content), content_type="application/json")

    async def _show_metrics(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE}
        return web.Response(body=self._metrics.render().encode(), headers=headers)

    async def _start(self, application: web.Application) -> None:
        self._worker.start(asyncio.get_running_loop())

    async def _stop(self, application: web.Application) -> None:
        await asyncio.gather(self._live.stop(), self._uploads.stop())

    async def _clean_up(self, application: web.Application) -> None:
        self.close()

    def close(self) -> None:
        """End the threads, whatever they do."""
        self._uploads.close()
        self._worker.stop()
