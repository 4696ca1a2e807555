"""Addresses, access and limits that are refused."""

import pytest

from moeasr.errors import InputError
from moeasr.serve.config import AddressConfig, Limits


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host):
    assert AddressConfig(host=host).is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_other_hosts_need_a_token_or_a_certificate(host):
    with pytest.raises(InputError, match="lets other machines use the server; give --token, or"):
        AddressConfig(host=host)
    assert not AddressConfig(host=host, token="secret").is_local
    AddressConfig(host=host, cert="a.pem", key="b.pem")


def test_names_matter_where_nothing_else_protects_the_server():
    assert AddressConfig(server_name="asr.example.org").names == (
        *("localhost", "127.0.0.1", "asr.example.org"),
    )
    assert AddressConfig(token="secret").names is None
    assert AddressConfig(cert="a.pem", key="b.pem").names is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"cert": "a.pem"}, "--cert needs --key"),
        ({"key": "a.pem"}, "--key needs --cert"),
        ({"port": 70000}, "`port` must be between 0 and 65535, but is 70000"),
        ({"token": ""}, "--token must consist of ASCII letters and digits"),
        ({"token": "a b"}, "--token must consist of ASCII letters and digits"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        AddressConfig(**settings)


@pytest.mark.parametrize("name", vars(Limits()))
def test_limits_are_positive(name):
    for value in (0, -1, float("inf"), float("nan")):
        with pytest.raises(InputError, match=f"`{name}` must be above 0, but is"):
            Limits(**{name: value})
