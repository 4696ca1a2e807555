"""Uploaded files in the form of OpenAI."""

import asyncio
import json
import threading

import pytest
from serving import aiohttp, model_of, serving
from sound_files import file_of

from moeasr.api.long_recording import RecordingTranscriber
from moeasr.audio.audio_blocks import AudioBlocks
from moeasr.report.captions import captions_of
from moeasr.report.transcript_forms import as_srt, as_vtt
from moeasr.serve.uploaded_audio import UploadedAudio

PATH = "v1/audio/transcriptions"


@pytest.fixture
def model(folder):
    return model_of(folder)


def form_of(content=None, **fields):
    """Return a form with a file and other fields."""
    form = aiohttp.FormData(fields)
    if content is not None:
        form.add_field("file", content, filename="a.wav")
    return form


async def post(client, form):
    """Return the status, the content type and the text of the answer to a form."""
    async with client.session.post(client.url + PATH, data=form) as answer:
        return answer.status, answer.content_type, await answer.text()


def answers_to(model, *forms, **limits):
    async def run():
        async with serving(model, **limits) as client:
            return [await post(client, form) for form in forms]

    return asyncio.run(run())


def fault(answer):
    """Return the status and the message of an error in the form of OpenAI."""
    status, kind, text = answer
    assert kind == "application/json"
    error = json.loads(text)["error"]
    assert error["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    return status, error["message"]


def test_all_forms_have_the_text_of_the_model(model, sound):
    content = file_of(sound(1.3), subtype="FLOAT")
    forms = ["json", "text", "srt", "vtt", "verbose_json"]
    answers = answers_to(
        model,
        form_of(content),
        *(form_of(content, response_format=form, model="whisper-1") for form in forms),
    )
    expected = RecordingTranscriber(model.engine, model.whole).run([sound(1.3)], 16000)
    captions = captions_of(expected.segments)
    assert expected.text and captions
    plain, short, text, subrip, web, verbose = answers
    assert {status for status, _, _ in answers} == {200}
    assert plain == short == (200, "application/json", json.dumps({"text": expected.text}))
    assert text == (200, "text/plain", f"{expected.text}\n")
    assert subrip == (200, "application/x-subrip", as_srt("a.wav", expected))
    assert web == (200, "text/vtt", as_vtt("a.wav", expected))
    found = json.loads(verbose[2])
    assert (found["text"], found["duration"], found["task"]) == (expected.text, 1.3, "transcribe")
    assert [word["word"] for word in found["words"]] == [word.text for word in expected.words]
    assert [segment["text"] for segment in found["segments"]] == [c.text for c in captions]
    assert found["segments"][0] == {
        "id": 0,
        "start": round(captions[0].start, 3),
        "end": round(captions[0].end, 3),
        "text": captions[0].text,
    }


def test_wrong_forms_are_refused_with_a_reason(model, sound):
    content = file_of(sound(0.3))
    two_files = form_of(content)
    two_files.add_field("file", content, filename="b.wav")
    cases = [
        (two_files, 400, "the form has more than one `file`"),
        (form_of(), 400, "the request must be a form"),
        (form_of(model="x", stream="false"), 400, "the request must be a form"),
        (form_of(b"hello"), 400, "a.wav cannot be decoded"),
        (form_of(content, response_format="docx"), 400, "must be one of json, text, srt, vtt,"),
        (form_of(content, stream="true"), 400, "`stream` is not supported"),
        (form_of(content, sprache="de"), 400, "the form has the unknown field `sprache`"),
        (form_of(content, prompt="x" * 20_000), 413, "`prompt` may have at most 10000 bytes"),
        (form_of(bytes(1_000_001)), 413, "`file` may have at most 1000000 bytes"),
    ]
    answers = answers_to(model, *(form for form, _, _ in cases), form_of(content), max_file_mb=1)
    for answer, (_, status, sentence) in zip(answers, cases):
        assert fault(answer)[0] == status and sentence in fault(answer)[1]
    assert answers[-1][0] == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"--b\r\n\r\nx\r\n--b--\r\n", "each part of the form must be a field with a name"),
        (b"no parts", "the form is damaged"),
        (b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n", "the form is damaged"),
        (b"--b\r\nX: " + b"x" * 10_000 + b"\r\n\r\nx\r\n--b--\r\n", "the form is damaged"),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xc4\xe3.wav"\r\n\r\n'
            b"x\r\n--b--\r\n",
            "??.wav cannot be decoded",
        ),
        (b"--b--\r\n", "the form lacks the field `file`"),
    ],
)
def test_a_damaged_form_is_refused(model, body, sentence):
    async def run():
        async with serving(model) as client:
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            async with client.session.post(client.url + PATH, data=body, headers=headers) as answer:
                return answer.status, answer.content_type, await answer.text()

    status, message = fault(asyncio.run(run()))
    assert status == 400 and sentence in message


def test_a_client_that_sends_nothing_more_is_disconnected(model):
    async def endless():
        yield b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nxx'
        await asyncio.Event().wait()

    async def run():
        async with serving(model, max_idle=0.05) as client:
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            url = client.url + PATH
            async with client.session.post(url, data=endless(), headers=headers) as answer:
                return answer.status, answer.content_type, await answer.text()

    assert fault(asyncio.run(run())) == (408, "no data for 0.05 s")


def test_files_that_last_too_long_are_stopped_with_the_server(model, sound, monkeypatch):
    has_begun, may_go_on, read = threading.Event(), threading.Event(), AudioBlocks.__iter__

    def slowly(self):
        has_begun.set()
        may_go_on.wait()
        yield from read(self)

    monkeypatch.setattr(AudioBlocks, "__iter__", slowly)

    async def run():
        async with serving(model, grace=0.05) as client:
            waiting = asyncio.create_task(post(client, form_of(file_of(sound(0.3)))))
            await asyncio.to_thread(has_begun.wait)
            await client.application._uploads.stop()
            may_go_on.set()
            return await waiting, await post(client, form_of(file_of(sound(0.3))))

    for answer in asyncio.run(run()):
        assert fault(answer) == (503, "the server is stopping")


def test_too_many_files_are_refused_and_errors_hide_their_details(model, sound, monkeypatch):
    may_go_on, content = threading.Event(), file_of(sound(0.3))

    def wait(self, content, name):
        may_go_on.wait()
        raise RuntimeError("a secret")

    monkeypatch.setattr(UploadedAudio, "transcribe", wait)

    async def run():
        async with serving(model, max_waiting_files=2) as client:
            waiting = [asyncio.create_task(post(client, form_of(content))) for _ in range(2)]
            while client.application._uploads._num_waiting < 2:
                await asyncio.sleep(0)
            refused = await post(client, form_of(content))
            may_go_on.set()
            return refused, await asyncio.gather(*waiting)

    refused, failed = asyncio.run(run())
    assert fault(refused) == (503, "too many files are waiting; try again later")
    for answer in failed:
        assert fault(answer) == (500, "an error of the server; its log has the details")
