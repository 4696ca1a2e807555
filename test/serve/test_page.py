"""The page in a browser: a file and the microphone in, words with their times out."""

import asyncio

import numpy as np
import pytest
import soundfile
from browser import find_browser, open_page
from serving import expected_finals, model_of, serving

from moeasr.serve.stream_worker import StreamWorker

pytestmark = pytest.mark.slow
WORDS = """[...document.querySelectorAll("#finals p")].map(
  ({dataset, children}) => [dataset.text, [...children].map(({firstChild, lastChild}) =>
    [firstChild.textContent, Number(lastChild.textContent)])])"""
STATUS = "document.getElementById('status').textContent"
CLICK = "document.getElementById('microphone').click()"


def similarity(left, right):
    """Return the largest normalised cross-correlation of two signals over all lags."""
    size = len(left) + len(right)
    spectrum = np.fft.rfft(left, size) * np.conj(np.fft.rfft(right, size))
    return np.abs(np.fft.irfft(spectrum)).max() / np.linalg.norm(left) / np.linalg.norm(right)


@pytest.fixture
def heard(monkeypatch):
    """Return the packets of samples that reach the worker."""
    packets, push = [], StreamWorker.push

    def note(self, listener, samples):
        packets.append(samples)
        push(self, listener, samples)

    monkeypatch.setattr(StreamWorker, "push", note)
    return packets


def test_words_appear(folder, sound, heard, tmp_path, fails_rather_than_hangs):
    find_browser()
    wave = sound(2.0)
    soundfile.write(tmp_path / "a.wav", wave, 16000)
    model = model_of(folder)

    async def run():
        async with (
            serving(model, max_clients=1) as client,
            open_page(client.session, client.url, tmp_path / "a.wav", tmp_path / "user") as page,
        ):
            await page.wait_for("document.getElementById('model')?.textContent")
            await page.choose_file("#file", tmp_path / "a.wav")
            await page.wait_for(f"{STATUS} === 'Done.'")
            of_file = await page.evaluate(WORDS)
            sent = np.concatenate(heard)
            heard.clear()
            await page.evaluate("document.getElementById('clear').click()")
            await page.evaluate(f"{CLICK}, {CLICK}")  # a double click starts one stream
            while sum(map(len, heard)) < 1.2 * len(wave):
                assert "Error" not in await page.evaluate(STATUS)
                await asyncio.sleep(0.05)
            level = await page.evaluate("document.getElementById('level').value")
            await page.evaluate(CLICK)
            await page.wait_for(f"{STATUS} === 'Done.'")
            of_microphone = await page.evaluate(WORDS)
            latency = await page.evaluate("document.getElementById('latency').textContent")
            async with client.session.ws_connect(client.url):
                await page.evaluate(CLICK)
                await page.wait_for(f"{STATUS}.includes('the limit of 1 stream is reached')")
                await page.wait_for("document.getElementById('microphone').textContent !== 'Stop'")
            return of_file, sent, of_microphone, level, latency

    of_file, sent, of_microphone, level, latency = asyncio.run(run())
    recorded, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_allclose(sent, recorded, rtol=0, atol=2**-15)  # 16 bits
    expected = [
        [text, [[word, round(start, 2)] for word, start, _ in words]]
        for text, words in expected_finals(model, sent)
    ]
    assert of_file == expected and len(expected) > 1
    of_capture = np.concatenate(heard)
    assert similarity(of_capture, recorded) > 0.9
    texts = [text for text, _ in expected_finals(model, of_capture)]
    assert [text for text, _ in of_microphone] == texts and any(texts)
    assert -60 <= level <= 0 and latency.endswith(" ms after the audio")
