"""The server's address, and its end."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess

import pytest
from serving import aiohttp

from moeasr.errors import InputError
from moeasr.serve.config import AddressConfig
from moeasr.serve.server import serve

web = aiohttp.web


def application_of(handler):
    application = web.Application()
    application.router.add_get("/", handler)
    return application


async def hello(request):
    return web.Response(text="hello")


def run(application, announce, **address):
    asyncio.run(serve(application, AddressConfig(port=0, **address), 5.0, announce))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_after_running_requests(number):
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    found = []

    async def stop_and_answer(request):
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.05)
        return web.Response(text="late")

    async def get(url):
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            found.append(await answer.text())

    tasks = []
    run(application_of(stop_and_answer), lambda url: tasks.append(asyncio.create_task(get(url))))
    assert found == ["late"]
    assert signal.getsignal(number) is usual[number]


def test_a_second_ctrl_c_ends_the_server_at_once():
    async def never(request):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    async def get(url):
        async with aiohttp.ClientSession() as session, session.get(url):
            pass

    tasks = []
    with pytest.raises(KeyboardInterrupt):
        run(application_of(never), lambda url: tasks.append(asyncio.create_task(get(url))))


def refused(**address):
    with pytest.raises(InputError) as found:
        asyncio.run(serve(application_of(hello), AddressConfig(**address), 1.0, print))
    return str(found.value)


def test_an_address_that_cannot_be_used_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refused(port=port) == (
            f"port {port} of 127.0.0.1 is in use by another program; choose another --port"
        )
    assert refused(host="192.0.2.1", token="x") == (
        "--host 192.0.2.1 is not an address of this machine"
    )
    key = tmp_path / "key.pem"
    files = f"certificate {tmp_path / 'none.pem'}"
    assert refused(cert=str(tmp_path / "none.pem"), key=str(key)) == (
        f"{files} or key {key} does not exist"
    )
    key.write_text("hello")
    assert f"certificate {key} with key {key} cannot be used" in refused(
        cert=str(key), key=str(key)
    )


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate and its key, plain and encrypted."""
    paths = [str(tmp_path / name) for name in ("cert.pem", "key.pem", "locked.pem")]
    cert, key, locked = paths
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    for command in (
        [*new, "-out", cert, "-keyout", key],
        ["rsa", "-aes256", "-passout", "pass:x", "-in", key, "-out", locked],
    ):
        try:
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("there is no openssl to make a certificate")
    return paths


def test_https(certificate):
    cert, key, locked = certificate
    assert "the key is encrypted" in refused(cert=cert, key=locked)
    found = []

    async def get(url):
        context = ssl.create_default_context(cafile=cert)
        context.check_hostname = False
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as answer:
            found.append((url[:8], await answer.text()))
        os.kill(os.getpid(), signal.SIGINT)

    tasks = []
    announce = lambda url: tasks.append(asyncio.create_task(get(url)))  # noqa: E731
    run(application_of(hello), announce, host="127.0.0.1", cert=cert, key=key)
    assert found == [("https://", "hello")]


LONG_LINE = b"GET /?token=secret" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"
NOT_GZIP = (
    b"GET /?token=secret HTTP/1.1\r\nHost: a\r\n"
    b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nRIFF"
)


@pytest.mark.parametrize(
    ("sent", "status", "num_lines"),
    [(LONG_LINE, b"HTTP/1.0 400", 1), (NOT_GZIP, b"HTTP/1.1 500", 2)],
    ids=["a long line", "a body that is not gzip, read by the handler"],
)
def test_a_malformed_request_is_a_line_of_the_log_without_its_url(caplog, sent, status, num_lines):
    async def read_body(request):
        return web.Response(body=await request.read())

    async def send(url):
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        answer = await reader.read(12)
        writer.close()
        os.kill(os.getpid(), signal.SIGTERM)
        assert answer == status

    tasks = []
    run(application_of(read_body), lambda url: tasks.append(asyncio.create_task(send(url))))
    tasks[0].result()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["a malformed request was refused"] * num_lines
    assert "secret" not in caplog.text and "Traceback" not in caplog.text
