"""The page, health and metrics."""

import asyncio

import pytest
from serving import model_of, serving

from moeasr.serve.application import PAGE_TYPES


@pytest.fixture
def model(folder):
    return model_of(folder)


def get(model, *paths, token=None):
    async def run():
        found = []
        async with serving(model, token) as client:
            for path in paths:
                async with client.session.get(client.url + path) as answer:
                    found.append((answer.status, answer.headers, await answer.text()))
        return found

    return asyncio.run(run())


def test_the_page_needs_nothing_from_elsewhere(model):
    answers = get(model, "", *(f"page/{name}" for name in PAGE_TYPES))
    for (status, headers, text), kind in zip(answers, ["text/html", *PAGE_TYPES.values()]):
        assert status == 200 and headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "://" not in text
    assert answers[0][2] == answers[1][2]


def test_health(model):
    ((status, _, text),) = get(model, "health", token="secret")
    assert status == 200
    assert text == (
        '{"status": "ok", "model": "tiny, 0.0 MB, onnxruntime, fp32", "sample_rate": 16000, '
        '"needs_token": true, "streams": 0}'
    )


def test_metrics(model):
    ((status, headers, text),) = get(model, "metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "moeasr_streams_total 0" in text.splitlines()


def test_nothing_else_is_served(model):
    paths = ["page/__init__.py", "page/../config.py", "page/%2e%2e/config.py", "v1", "page/"]
    assert [status for status, _, _ in get(model, *paths)] == [404] * 5
