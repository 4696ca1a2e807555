"""The meeting of the machines that train together, which torchrun calls the rendezvous."""

import socket
import time

from moeasr.errors import InputError

DEFAULT_WAIT_SEC = 600.0
DEFAULT_PORT = 29400  # as in torchrun
LOOK_EVERY_SEC = 0.5
CONNECT_SEC = 10.0


class Meeting:
    """The settings of a rendezvous, as torchrun takes them, and the sentences about its failures.

    Args:
        endpoint: The host and port at which the machines meet, such as `node1:29500`.
        num_machines: Number of machines.
        conf: The value of torchrun's `--rdzv_conf`, such as `is_host=0,join_timeout=600`.

    Raises:
        InputError: The waiting time in `conf` is not a number.
    """

    def __init__(self, endpoint: str, num_machines: str, conf: str) -> None:
        self._endpoint = endpoint
        self._num_machines = num_machines
        self._settings = dict(pair.strip().partition("=")[::2] for pair in conf.split(","))
        wait = self._settings.get("join_timeout", str(DEFAULT_WAIT_SEC))
        try:
            self._wait_sec = float(wait)
        except ValueError:
            raise InputError(
                f"--rdzv_conf: join_timeout must be a number of seconds, but is '{wait}'"
            ) from None

    def arrive(self) -> str | None:
        """Wait until the machine that owns the endpoint answers, if this is another machine.

        PyTorch would also wait, but without running Python's handlers of SIGINT and SIGTERM.

        Returns:
            The address at which the other machines reach this one, because the name of a machine
            is often that of its loopback address. None if `conf` does not say which machine owns
            the endpoint.

        Raises:
            InputError: The endpoint is malformed or does not answer in time.
        """
        from torch.distributed.elastic.rendezvous.utils import parse_rendezvous_endpoint

        try:
            host, port = parse_rendezvous_endpoint(self._endpoint, DEFAULT_PORT)
        except ValueError as error:
            raise InputError(f"--rdzv_endpoint: {str(error).rstrip('.')}") from None
        if self._settings.get("is_host") != "0":
            return host if "is_host" in self._settings else None
        deadline = time.monotonic() + self._wait_sec
        while True:
            try:
                with socket.create_connection((host, port), CONNECT_SEC) as connection:
                    return connection.getsockname()[0]
            except OSError as error:
                reason = error.strerror or str(error)
            if time.monotonic() > deadline:
                raise InputError(
                    f"machine 0 does not answer at {self._endpoint} after {self._wait_sec:.0f} s "
                    f"({reason}); start the training there too, and check the host and the port"
                )
            time.sleep(LOOK_EVERY_SEC)

    def describe(self, error: Exception) -> str:
        """Return a sentence about an exception of torchrun's rendezvous."""
        kind = type(error).__name__
        if kind == "RendezvousTimeoutError":
            return (
                f"not all of the {self._num_machines} machines connected to {self._endpoint} "
                f"within {self._wait_sec:.0f} s; start the training on each of them"
            )
        if kind == "RendezvousClosedError":
            return (
                f"the training at {self._endpoint} has ended on another machine; start it on all "
                "machines again"
            )
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        return f"the machines cannot connect at {self._endpoint}: {reason}"
