"""The server: an application at an address, until a signal stops it."""

import asyncio
import errno
import logging
import signal
import socket
import ssl
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from moeasr.errors import InputError
from moeasr.logs import get_logger
from moeasr.serve.config import AddressConfig

SIGNALS = (signal.SIGINT, signal.SIGTERM)
logger = get_logger(__name__)


class _WithoutRequests(logging.Filter):
    """A filter that shortens messages about malformed requests, which may contain the token."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and keep it."""
        faults = HttpProcessingError, web.RequestPayloadError
        if record.exc_info and isinstance(record.exc_info[1], faults):
            record.msg, record.args, record.exc_info = "a malformed request was refused", (), None
        return True


logger.addFilter(_WithoutRequests())


async def serve(
    application: web.Application,
    address: AddressConfig,
    grace_sec: float,
    announce: Callable[[str], None],
) -> None:
    """Serve an application until SIGINT or SIGTERM, then let running requests finish.

    A second signal ends the process at once.

    Args:
        application: The application.
        address: Where it listens.
        grace_sec: Time that running requests have to finish, seconds.
        announce: Function that is given the URL as soon as clients can connect.

    Raises:
        InputError: The address cannot be used, or the certificate or its key is invalid.
    """
    context = _tls(address)
    runner = web.AppRunner(application, access_log=None, logger=logger, shutdown_timeout=grace_sec)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            raise InputError(_address_fault(address, error)) from None
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for number in SIGNALS:  # the next one has its usual effect
                loop.remove_signal_handler(number)
            stopped.set()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop)
        announce(_url(address, runner.addresses[0][1]))
        await stopped.wait()
    finally:
        await runner.cleanup()


def _tls(address: AddressConfig) -> ssl.SSLContext | None:
    if address.cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(address.cert, address.key, password=_no_password)
    except FileNotFoundError:
        raise InputError(
            f"certificate {address.cert} or key {address.key} does not exist"
        ) from None
    except (OSError, ssl.SSLError, InputError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"certificate {address.cert} with key {address.key} cannot be used: {reason}"
        ) from None
    return context


def _no_password() -> str:
    """Refuse an encrypted key, for whose password OpenSSL would ask on the terminal."""
    raise InputError("the key is encrypted")


def _address_fault(address: AddressConfig, error: OSError) -> str:
    host, port = address.host, address.port
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use by another program; choose another --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs the rights of root; choose a --port above 1023"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is not an address of this machine"
    return f"{host}:{port} cannot be used: {error.strerror or error}"


def _url(address: AddressConfig, port: int) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http{'s' if address.cert else ''}://{host}:{port}/"
