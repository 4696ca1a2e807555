"""Access to a server."""

import asyncio

import pytest
from serving import aiohttp, model_of, serving


@pytest.fixture
def model(folder):
    return model_of(folder)


def statuses(model, requests, **settings):
    """Return the statuses of GET requests, or of websockets where the path begins with `ws`."""

    async def run():
        async with serving(model, **settings) as client:
            return [await status(client, path, headers) for path, headers in requests]

    return asyncio.run(run())


async def status(client, path, headers):
    url = client.url + path.removeprefix("ws")
    if not path.startswith("ws"):
        async with client.session.get(url, headers=headers) as answer:
            return answer.status
    try:
        async with client.session.ws_connect(url, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


def test_pages_of_other_sites_are_refused(model):
    theirs = {"Origin": "https://example.org"}
    requests = [("", {}), ("", theirs), ("ws", theirs), ("metrics", theirs)]
    assert statuses(model, requests) == [200, 403, 403, 403]
    assert statuses(model, [("metrics", {"Origin": "http://[bad"})]) == [403]
    ours, nobody = {"Origin": "http://asr.local:81", "Host": "asr.local:81"}, {"Origin": "null"}
    requests = [("ws", ours), ("ws", {}), ("ws", nobody)]
    assert statuses(model, requests, server_name="ASR.local") == [101, 101, 403]


def test_a_name_that_others_may_own_is_refused_without_a_token(model):
    """A site of such a name may point to this machine, and is then of the same origin."""
    theirs = {"Host": "example.org:6006", "Origin": "http://example.org:6006"}
    refused = [("", theirs), ("ws", theirs), ("metrics", {"Host": "localhost.example.org"})]
    refused += [("", {"Host": "[bad"}), ("", {"Host": "127.0.0.1.example.org"})]
    assert statuses(model, refused) == [421] * 5
    ours = ["localhost:6006", "LOCALHOST", "127.0.0.1:81", "[::1]:6006", "192.168.1.7"]
    assert statuses(model, [("metrics", {"Host": host}) for host in ours]) == [200] * 5
    assert statuses(model, [("", theirs)], server_name="asr.local") == [421]
    with_token = theirs | {"Authorization": "Bearer secret1"}
    assert statuses(model, [("ws", theirs), ("ws", with_token)], token="secret1") == [401, 101]


def test_a_token_is_required_for_all_but_the_page_and_health(model):
    right, wrong = ({"Authorization": f"Bearer secret{number}"} for number in (1, 2))
    public = [("", {}), ("page/page.js", {}), ("health", {})]
    refused = [("metrics", {}), ("metrics", wrong), ("nowhere", {}), ("ws", {})]
    refused.append(("ws?token=secret2", {}))
    allowed = [("metrics", right), ("metrics?token=secret1", {})]
    live = [("ws", right), ("ws?token=secret1", {})]
    refused.append(("metrics", {"Authorization": "Bearer \udcff"}))  # a byte that is not UTF-8
    requests = [*public, *refused, *allowed, *live]
    expected = [200] * 3 + [401] * 6 + [200] * 2 + [101] * 2
    assert statuses(model, requests, token="secret1") == expected
