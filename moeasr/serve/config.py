"""The address, the access rules and the limits of a server."""

import ipaddress
from dataclasses import dataclass

from moeasr.errors import InputError
from moeasr.options import FilePath, Seconds

LOCAL_HOST = "127.0.0.1"
MAX_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class AddressConfig:
    """Address and access."""

    host: str = LOCAL_HOST
    """IP address or host name to listen on; one that other machines can reach needs `--token`, or
    `--cert` and `--key`."""
    server_name: str | None = None
    """Further name by which clients call the server, such as that of a proxy in front of it; with
    `--token` or `--cert`, every name is accepted."""
    port: int = 6006
    """Port to listen on; 0 for any free port."""
    token: str | None = None
    """Secret that clients must send, as `Authorization: Bearer TEXT` or `?token=TEXT`."""
    cert: FilePath | None = None
    """File of the TLS certificate in PEM, for https and wss."""
    key: FilePath | None = None
    """File of the private key of `--cert` in PEM."""

    def __post_init__(self) -> None:
        """Check that the settings belong together."""
        if not 0 <= self.port <= MAX_PORT:
            raise InputError(f"`port` must be between 0 and {MAX_PORT}, but is {self.port}")
        if (self.cert is None) != (self.key is None):
            given, missing = ("cert", "key") if self.key is None else ("key", "cert")
            raise InputError(
                f"--{given} needs --{missing}; give the certificate and its private key"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isalnum()):
            raise InputError("--token must consist of ASCII letters and digits")
        if not (self.is_local or self.token or self.cert):
            raise InputError(
                f"--host {self.host} lets other machines use the server; give --token, or --cert "
                "and --key, too"
            )

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names by which clients may call the server, besides IP addresses; None for any name."""
        if self.token or self.cert:
            return None
        return tuple(name for name in ("localhost", self.host, self.server_name) if name)

    @property
    def is_local(self) -> bool:
        """True if only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the server, which protect it and its other clients from any one client."""

    max_clients: int = 64
    """Largest number of live streams at a time; further streams are closed with a reason."""
    max_message_kb: int = 1024
    """Largest size of a message with samples, kB; a larger message closes its stream."""
    max_waiting_audio: Seconds = 10.0
    """Duration of audio of a stream that may wait for recognition; the server reads no more from
    the client until less audio waits."""
    max_idle: Seconds = 30.0
    """Time without a message, or without progress in sending results, after which a client is
    disconnected."""
    max_file_mb: int = 25
    """Largest size of an uploaded file, MB."""
    max_file_duration: Seconds = 7200.0
    """Longest duration of an uploaded file."""
    max_waiting_files: int = 16
    """Largest number of uploaded files that are received or wait at a time; further files are
    refused."""
    max_batch: int = 32
    """Largest number of streams whose chunks are encoded together."""
    grace: Seconds = 10.0
    """Time that running streams have to finish when the server is stopped."""

    def __post_init__(self) -> None:
        """Check ranges."""
        for name, value in vars(self).items():
            if not 0 < value < float("inf"):
                raise InputError(f"`{name}` must be above 0, but is {value}")
