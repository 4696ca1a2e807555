"""The meeting of several machines: waiting for machine 0, and sentences about failures."""

import socket
import threading

import pytest

from moeasr import rendezvous
from moeasr.errors import InputError
from moeasr.rendezvous import Meeting


@pytest.fixture
def listener():
    """A socket of this machine with a port of its own, which does not listen yet."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made


def endpoint(listener: socket.socket) -> str:
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_host_of_the_endpoint_waits_for_nobody_and_knows_its_address():
    assert Meeting("node7:29500", "2", "is_host=1,join_timeout=5").arrive() == "node7"
    assert Meeting("[fe80::1]:29500", "2", "is_host=1").arrive() == "fe80::1"
    assert Meeting("node7", "2", "is_host=1").arrive() == "node7"


def test_options_of_torchrun_without_a_host_stay_as_they_are():
    for conf in ("", "join_timeout=5"):
        assert Meeting("node7:29500", "2", conf).arrive() is None


def test_another_machine_waits_until_the_host_listens(listener, monkeypatch):
    monkeypatch.setattr(rendezvous, "LOOK_EVERY_SEC", 0.01)
    tried = threading.Event()
    connect = socket.create_connection

    def notice(*arguments):
        try:
            return connect(*arguments)
        finally:
            tried.set()

    monkeypatch.setattr(socket, "create_connection", notice)
    host = threading.Thread(target=lambda: (tried.wait(120), listener.listen()))
    host.start()
    address = Meeting(endpoint(listener), "2", "is_host=0,join_timeout=120").arrive()
    host.join()
    assert address == "127.0.0.1"


@pytest.mark.parametrize(
    ("place", "conf", "message"),
    [
        ("node1:x", "is_host=0", "^--rdzv_endpoint: .*'node1:x'"),
        ("a b:29500", "is_host=0", "^--rdzv_endpoint: .*'a b:29500'"),
        ("node1", "join_timeout=soon", "^--rdzv_conf: join_timeout must be .* but is 'soon'$"),
    ],
)
def test_malformed_options_are_one_sentence(place, conf, message):
    with pytest.raises(InputError, match=message):
        Meeting(place, "2", conf).arrive()


def test_a_host_that_never_listens_is_one_sentence(listener, monkeypatch):
    monkeypatch.setattr(rendezvous, "LOOK_EVERY_SEC", 0.01)
    with pytest.raises(InputError) as caught:
        Meeting(endpoint(listener), "2", "is_host=0,join_timeout=0").arrive()
    assert str(caught.value) == (
        f"machine 0 does not answer at {endpoint(listener)} after 0 s (Connection refused); start "
        "the training there too, and check the host and the port"
    )
