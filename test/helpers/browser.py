"""A page in headless Chromium, driven by the DevTools protocol."""

import asyncio
import itertools
import re
import shutil
from contextlib import asynccontextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
LOADED = "location.href !== 'about:blank' && document.readyState === 'complete'"
"""An expression that is true when the page is there: a browser begins with an empty one."""


def find_browser():
    """Return the path of Chromium, or skip the test."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or pytest.skip(f"there is no browser to open the page: {', '.join(NAMES)}")


class Page:
    """An open page."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count()

    async def call(self, method, **params):
        """Return the result of a method of the DevTools protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while (answer := await self._socket.receive_json()).get("id") != number:
            pass
        return answer["result"]

    async def evaluate(self, script):
        """Return the value of an expression; None if it has none or fails."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def wait_for(self, script):
        """Return the value of an expression as soon as it is true."""
        while not (value := await self.evaluate(script)):
            await asyncio.sleep(0.05)
        return value

    async def choose_file(self, selector, path):
        """Choose a file in an input of the page."""
        document = await self.call("DOM.getDocument")
        node = document["root"]["nodeId"]
        place = await self.call("DOM.querySelector", nodeId=node, selector=selector)
        await self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=place["nodeId"])


@asynccontextmanager
async def open_page(session, url, microphone, directory):
    """Open and load a page in a browser whose microphone plays a WAV file once.

    Args:
        session: A session of aiohttp.
        url: The page.
        microphone: The file.
        directory: A directory for the files of the browser.
    """
    process = await asyncio.create_subprocess_exec(
        *(find_browser(), *OPTIONS, f"--user-data-dir={directory}"),
        *(f"--use-file-for-fake-audio-capture={microphone}%noloop", url),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        while not (found := re.search(rb"ws://([^/]+)/", await process.stderr.readline())):
            assert process.returncode is None
        pages = []
        while not pages:
            async with session.get(f"http://{found[1].decode()}/json/list") as answer:
                pages = [target for target in await answer.json() if target["type"] == "page"]
        async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            page = Page(socket)
            await page.wait_for(LOADED)
            yield page
    finally:
        process.terminate()
        await process.communicate()
