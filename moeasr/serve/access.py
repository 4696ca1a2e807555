"""Access to a server: the token, and the pages that may use it in a browser."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

from moeasr.serve.config import AddressConfig

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN_PARAMETER = "token"
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def access_rules(address: AddressConfig) -> Callable[[web.Request, Handler], Awaitable]:
    """Return the middleware that refuses requests without access.

    Pages of other sites have none, so that a site which the user visits cannot use a server on the
    user's machine: neither from another origin, nor under a name of its own that suddenly means the
    user's machine (DNS rebinding). The page and the health of the server need no token, because
    they are public.

    Args:
        address: The token, and the names of the server.
    """
    token = address.token

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = _name_in(request.headers.get("Host", ""))
        if name and address.names is not None and not _is_own_name(name, address.names):
            raise web.HTTPMisdirectedRequest(
                text=f"this server is not called {name}; if it is, start it with --server-name\n"
            )
        origin = request.headers.get("Origin")
        if origin is not None and _host_of(origin) != request.host:
            raise web.HTTPForbidden(text=f"pages of {origin} may not use this server\n")
        if token is not None and not _is_public(request) and not _has_token(request, token):
            raise web.HTTPUnauthorized(
                text="a token is required: `Authorization: Bearer TOKEN` or `?token=TOKEN`\n",
                headers={"WWW-Authenticate": "Bearer"},
            )
        response = await handler(request)
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
        return response

    return check


def _name_in(host: str) -> str | None:
    """Return the name or the IP address in a `Host` header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return host


def _is_own_name(name: str, own_names: Sequence[str]) -> bool:
    """Return whether a name is one of the server, or an IP address, which nobody else can own."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in (own.lower() for own in own_names)
    return True


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def is_websocket(request: web.Request) -> bool:
    """Return whether a request opens a websocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _is_public(request: web.Request) -> bool:
    is_page = request.path == "/" or request.path.startswith("/page/")
    return (is_page and not is_websocket(request)) or request.path == "/health"


def _has_token(request: web.Request, token: str) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        given = request.query.get(TOKEN_PARAMETER, "")
    return hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
