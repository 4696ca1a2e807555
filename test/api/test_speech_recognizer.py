"""`moeasr.load` and what it returns: the text of `moeasr transcribe`, or one sentence."""

import io

import numpy as np
import pytest
import soundfile
import torch
from checkpoints import save_model

import moeasr
from moeasr.bin.transcribe import main
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig

RATES_HZ = [8000, 16000, 44100, 48000]
FORMS = {
    "int16": lambda samples: samples,
    "int32": lambda samples: samples.astype(np.int32) * 2**16,
    "float32": lambda samples: (samples / 2**15).astype(np.float32),
    "float64": lambda samples: samples / 2**15,
    "torch": lambda samples: torch.from_numpy(samples / 2**15),
    "torch int16": torch.from_numpy,
}


class Upload:
    """A file of a web framework."""

    async def read(self, size=-1):
        return b""


class Dropped(io.BytesIO):
    """A file behind a connection that is lost."""

    def read(self, size=-1):
        if size == 0:
            return b""
        raise ConnectionError("the connection was lost")


@pytest.fixture
def told(exp_dir, capsys):
    """Return the lines that `moeasr transcribe` prints for a file, without its path."""

    def tell(path, *options):
        main(["--checkpoint", str(exp_dir), *options, str(path)])
        return [line.split("\t", 1)[1] for line in capsys.readouterr().out.splitlines()]

    return tell


@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_arrays_give_the_text_of_the_command(asr, told, sound, tmp_path, rate_hz, num_channels):
    samples, path = sound(rate_hz)[:, :num_channels], tmp_path / "a.wav"
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    (expected,) = told(path)
    assert expected
    assert asr.transcribe(path).text == asr.transcribe(str(path)).text == expected
    for name, convert in FORMS.items():
        assert asr.transcribe(convert(samples), sample_rate=rate_hz).text == expected, name
    if num_channels == 1:
        numbers = (samples[:, 0] / 2**15).tolist()
        assert asr.transcribe(numbers, sample_rate=rate_hz).text == expected


def test_words_and_hypotheses_are_those_of_the_command(asr, told, sound, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(16000), 16000)
    result = asr.transcribe(path)
    words = [f"{w.start:.2f}\t{w.end:.2f}\t{w.confidence:.3f}\t{w.text}" for w in result.words]
    assert words and words == told(path, "--timestamps")
    nbest = [f"{i}\t{h.confidence:.3f}\t{h.text}" for i, h in enumerate(result.nbest, start=1)]
    assert len(nbest) > 1 and nbest == told(path, "--nbest", "10")
    assert result.nbest[0].text == result.text == str(result)
    assert result.confidence == result.nbest[0].confidence


@pytest.mark.parametrize("mode", SEARCHES)
def test_settings_are_the_options_of_the_command(asr, told, sound, tmp_path, mode):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(16000), 16000)
    settings = {"chunk_size": 2, **({"beam_size": 3} if mode != "ctc_greedy_search" else {})}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    assert [asr.transcribe(path, mode=mode, **settings).text] == told(
        path, "--mode", mode, *options
    )


def test_a_list_gives_the_result_of_each(asr, sound, tmp_path):
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path, seconds in zip(paths, [0.5, 0.01, 0.3]):
        soundfile.write(path, sound(16000, seconds), 16000)
    alone = [asr.transcribe(path).text for path in paths]
    assert alone[0] != alone[2] and alone[1] == ""
    assert [result.text for result in asr.transcribe(paths)] == alone
    assert asr.transcribe([]) == []
    arrays = [soundfile.read(path)[0] for path in paths]
    assert [result.text for result in asr.transcribe(arrays, sample_rate=16000)] == alone


@pytest.mark.parametrize(
    ("audio", "settings", "sentence"),
    [
        (np.zeros(100), {}, "samples need their sample rate in Hz, such as `sample_rate=16000`"),
        ([], {"sample_rate": 16000}, "the recording contains no samples"),
        (torch.zeros(0), {"sample_rate": 16000}, "the recording contains no samples"),
        ([float("nan")], {"sample_rate": 16000}, "the recording contains NaN"),
        ([np.zeros(9), np.full(9, 99.0)], {"sample_rate": 16000}, "recording 2 of 2 has samples"),
        ([[0.0, 0.1]], {"sample_rate": 16000}, "a list of lists may be one recording of several"),
        ("missing.wav", {}, "audio file missing.wav: No such file"),
        ("a.wav", {"sample_rate": 16000}, "omit it for the audio file a.wav, which has"),
        (None, {}, r"must be an audio file, its path, or samples of shape \(S,\) or \(S, C\), but"),
        (
            b"RIFF",
            {},
            r"but it is a bytes; 16-bit samples become .* read from `io.BytesIO\(data\)`",
        ),
        (io.StringIO("RIFF"), {}, "the recording is a file opened as text; open it with the mode"),
        (io.BytesIO(b""), {}, r"the recording is empty \(0 bytes\)"),
        (memoryview(b"RIFF"), {"sample_rate": 8000}, "it is a memoryview; 16-bit samples become"),
        (io.BytesIO, {}, r"the recording is a file that cannot be read \(TypeError: "),
        (Upload(), {}, r"with `await`; give `io.BytesIO\(await file.read\(\)\)`$"),
        (Dropped(), {}, "^the recording cannot be read to its end: the connection was lost$"),
        (io.BytesIO(b"RIFF"), {"sample_rate": 8000}, "`sample_rate` is only for arrays"),
        ("a.wav", {"context": []}, "^`context` contains no phrases$"),
        (
            "a.wav",
            {"context": ["A\nB"]},
            "^a phrase in `context` must be words in one line, but is",
        ),
        (
            "a.wav",
            {"context": ["AB"], "mode": "ctc_greedy_search"},
            "mode 'ctc_greedy_search' cannot use a language model or boosted phrases",
        ),
        ("a.wav", {"context": 1}, "^settings: 'context' must be text, but is 1$"),
        ("a.wav", {"beam_sise": 4}, "unknown setting 'beam_sise'; did you mean 'beam_size'"),
        ("a.wav", {"beam_size": "4"}, "'beam_size' must be an integer"),
        ("a.wav", {"lm_weight": 0.4}, "`lm_weight` has no effect without `lm`"),
        ("a.wav", {"mode": "joint"}, "unknown decoding mode 'joint'"),
        ("a.wav", {"mode": ["attention"]}, "`mode` must be the name of a decoding mode, but is"),
        ("a.wav", {"mode": "ctc_greedy_search", "beam_size": 4}, "`beam_size` has no effect"),
        (
            "a.wav",
            {"language": "en"},
            "`language` is 'en', but this model does not route by language",
        ),
    ],
)
def test_whatever_cannot_be_done_is_said_in_one_sentence(asr, audio, settings, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        asr.transcribe(audio, **settings)
    assert isinstance(refusal.value, InputError) and "\n" not in str(refusal.value)


def test_an_open_file_is_read_and_stays_open(asr, sound, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(8000), 8000)
    expected = asr.transcribe(path).text
    with open(path, "rb") as file:
        assert expected and asr.transcribe(file).text == expected
        assert not file.closed
    found = asr.transcribe([io.BytesIO(path.read_bytes()), path])
    assert [result.text for result in found] == [expected] * 2
    with pytest.raises(InputError, match=r"a file that cannot be read \(ValueError: .*closed file"):
        asr.transcribe(file)


def test_a_packet_is_no_path(asr):
    stream = asr.stream(sample_rate=16000)
    for packet, kind in (("a.wav", "str"), (b"ab", "bytes; 16-bit samples become an array by")):
        with pytest.raises(InputError, match=rf"^the packet must be samples of .* is a {kind}"):
            stream.push(packet)


def test_the_endpoint_of_a_stream_is_a_truth_value(asr):
    with pytest.raises(InputError, match="`endpoint` must be True or False, but is 'off'"):
        asr.stream(sample_rate=16000, endpoint="off")


def test_a_model_that_routes_by_language(sound, tmp_path):
    routed = MoeConfig(hidden_units=16, num_experts=4, router="language")
    asr = moeasr.load(save_model(tmp_path / "x.pt", routed, languages=("en", "zh")))
    assert asr.languages == ("en", "zh")
    texts = [
        asr.transcribe(sound(16000), sample_rate=16000, language=language).text
        for language in asr.languages
    ]
    assert texts[0] != texts[1]
    with pytest.raises(InputError, match="`language` must be one of en, zh, but is not given"):
        asr.transcribe(sound(16000), sample_rate=16000)


def test_the_model_says_what_it_is(asr, exp_dir):
    assert asr.modes == tuple(SEARCHES)
    assert (asr.sample_rate, asr.languages) == (16000, ())
    assert repr(asr) == "<SpeechRecognizer tiny, 0.2 M parameters, cpu, fp32>"
    assert repr(moeasr.load(exp_dir, quantize="int8")).endswith("cpu, int8>")
    assert repr(moeasr.load(exp_dir, device=torch.device("cpu"))) == repr(asr)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "tpu"}, "must be cpu or cuda, but is 'tpu'"),
        ({"quantize": "int3"}, "`quantize` must be int8 or bf16, but is 'int3'"),
        ({"num_threads": 0}, "`num_threads` must be at least 1, but is 0"),
        ({"num_threads": "1"}, "`num_threads` must be a whole number, but is '1'"),
        ({"experts_per_frame": 2.0}, "`experts_per_frame` must be a whole number, but is 2.0"),
        ({"experts_per_frame": True}, "`experts_per_frame` must be a whole number, but is True"),
    ],
)
def test_devices_and_precisions_that_there_are_not(exp_dir, options, sentence):
    with pytest.raises(InputError, match=sentence):
        moeasr.load(exp_dir, **options)


def test_a_directory_without_a_model(tmp_path):
    with pytest.raises(InputError, match="averaged.pt does not exist"):
        moeasr.load(tmp_path)


def test_long_recordings_are_cut_at_their_pauses(asr, sound, tmp_path, monkeypatch):
    short = sound(16000)
    pause = np.zeros((16000, 2), np.int16)
    long = np.concatenate([part for _ in range(24) for part in (short, pause)])
    soundfile.write(tmp_path / "long.wav", long, 16000)
    settings = {"mode": "ctc_greedy_search"}
    results = asr.transcribe([tmp_path / "long.wav", tmp_path / "long.wav"], **settings)
    assert results[0] == results[1]
    assert results[0].text == asr.transcribe(long, sample_rate=16000, **settings).text
    assert results[0].nbest == () and results[0].text
    starts = [word.start for word in results[0].words]
    assert starts == sorted(starts) and starts[-1] > 15
    monkeypatch.setattr("moeasr.api.speech_recognizer.WHOLE_SEC", 99.0)
    whole = asr.transcribe([short, long], sample_rate=16000, **settings)
    assert whole[0].text == asr.transcribe(short, sample_rate=16000, **settings).text
    assert whole[1].nbest
