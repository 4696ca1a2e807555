"""A model folder through the API: the results of its checkpoint, or one sentence."""

import numpy as np
import pytest
import soundfile

import moeasr
from moeasr.api.checkpoint_engine import CheckpointEngine, open_recognizer
from moeasr.bin.stream import main as stream
from moeasr.bin.transcribe import main
from moeasr.deploy.folder_engine import open_folder
from moeasr.deploy.folder_modes import MODES
from moeasr.errors import InputError

SECONDS = (0.01, 0.06, 0.08, 0.5, 1.27)


@pytest.fixture
def of_folder(folder):
    return moeasr.load(folder)


def assert_same(found, expected):
    """Raise unless two transcriptions are equal but for rounding."""
    assert found.text == expected.text
    assert [h.text for h in found.nbest] == [h.text for h in expected.nbest]
    for name in ("score", "confidence"):
        scores = [getattr(h, name) for h in expected.nbest]
        assert [getattr(h, name) for h in found.nbest] == pytest.approx(scores, abs=2e-3)
    assert [word.text for word in found.words] == [word.text for word in expected.words]
    times = [(word.start, word.end, word.confidence) for word in expected.words]
    for word, time in zip(found.words, times):
        assert (word.start, word.end, word.confidence) == pytest.approx(time, abs=1e-3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "settings",
    [{}, {"chunk_size": 4}, {"chunk_size": 4, "num_left_chunks": 1}],
    ids=["whole", "all left chunks", "one left chunk"],
)
def test_recordings_give_the_results_of_the_checkpoint(
    of_folder, of_checkpoint, sound, mode, settings
):
    for seconds in SECONDS:
        task = {"sample_rate": 16000, "mode": mode, **settings}
        wave = sound(seconds)
        found, expected = of_folder.transcribe(wave, **task), of_checkpoint.transcribe(wave, **task)
        assert bool(found.text) == (seconds > 0.07)
        assert_same(found, expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"beam_size": 3},
        {"ctc_weight": 2.0},
        {"reverse_weight": 0.0},
        {"reverse_weight": 1.0, "beam_size": 4},
    ],
)
def test_settings_of_rescoring_give_the_results_of_the_checkpoint(
    of_folder, of_checkpoint, sound, settings
):
    task = {"sample_rate": 16000, "mode": "attention_rescoring", **settings}
    assert_same(
        of_folder.transcribe(sound(1.0), **task), of_checkpoint.transcribe(sound(1.0), **task)
    )


@pytest.mark.parametrize("mode", [m for m, found in MODES.items() if "fusion" in found.settings])
def test_boosted_phrases_give_the_results_of_the_checkpoint(
    of_folder, of_checkpoint, sound, mode, tmp_path
):
    (tmp_path / "phrases.txt").write_text("dad\t3\nb b\t2.5\nabba\n")
    task = {"sample_rate": 16000, "mode": mode}
    boost = {"context": tmp_path / "phrases.txt", "context_score": 4.0}
    sizes, changed = {"chunk_size": 4, "num_left_chunks": 2}, 0
    for seconds in (0.3, 1.27, 3.0):
        wave = sound(seconds)
        found = of_folder.transcribe(wave, **task, **boost)
        assert_same(found, of_checkpoint.transcribe(wave, **task, **boost))
        changed += found.text != of_folder.transcribe(wave, **task).text
        finals = []
        for asr in (of_folder, of_checkpoint):
            stream = asr.stream(**task, **boost, **sizes)
            finals.append((stream.push(wave) + stream.finish())[-1])
        assert_same(*finals)
    assert changed > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("endpoint", [True, False])
def test_streams_give_the_results_of_the_checkpoint(
    of_folder, of_checkpoint, sound, mode, endpoint
):
    samples, results = sound(3.3), []
    rules = {"rule3_min_utterance_length": 1.2} if endpoint else {}
    for asr, sizes in [
        (of_folder, {}),
        (of_checkpoint, {"chunk_size": 4, "num_left_chunks": 2}),
    ]:
        stream = asr.stream(sample_rate=16000, mode=mode, endpoint=endpoint, **rules, **sizes)
        parts = [samples[i : i + 1000] for i in range(0, len(samples), 1000)]
        results.append([r for part in parts for r in stream.push(part)] + stream.finish())
    assert len(results[0]) == len(results[1]) > 5
    assert sum(result.is_final for result in results[0]) == (3 if endpoint else 1)
    for found, expected in zip(*results):
        for name in ("is_final", "stable_text", "start", "end"):
            assert getattr(found, name) == getattr(expected, name)
        assert_same(found, expected)


def test_files_lists_and_other_sample_rates(of_folder, sound, tmp_path):
    assert of_folder.transcribe([]) == []
    for rate_hz in (8000, 16000, 44100):
        wave = sound(1.0, rate_hz)
        soundfile.write(tmp_path / "a.wav", wave, rate_hz, subtype="FLOAT")
        by_path, by_samples = (
            of_folder.transcribe(tmp_path / "a.wav").text,
            of_folder.transcribe([wave], sample_rate=rate_hz)[0].text,
        )
        assert by_path == by_samples != ""
        stream = of_folder.stream(sample_rate=rate_hz, endpoint=False)
        parts = [wave[i : i + 777] for i in range(0, len(wave), 777)]
        final = ([r for part in parts for r in stream.push(part)] + stream.finish())[-1]
        chunked = of_folder.transcribe(
            wave, sample_rate=rate_hz, chunk_size=4, num_left_chunks=2
        ).text
        assert final.text == chunked
        assert final.end == pytest.approx(1.0, abs=0.1)


def test_the_command_prints_the_same_lines_as_with_the_checkpoint(
    folder, exp_dir, sound, tmp_path, capsys
):
    paths = [str(tmp_path / f"{number}.wav") for number in range(2)]
    for path, seconds in zip(paths, (0.7, 0.9)):
        soundfile.write(path, sound(seconds), 16000)
    for options in ([], ["--timestamps"], ["--nbest", "3"], ["--chunk-size", "4"]):
        printed = []
        for model in (["--model", str(folder)], ["--checkpoint", str(exp_dir)]):
            main([*model, "--mode", "attention_rescoring", *options, *paths])
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1] != ""
    with pytest.raises(SystemExit):
        main(["--model", str(folder), "--checkpoint", str(exp_dir), *paths])
    assert "not allowed with argument" in capsys.readouterr().err


def test_properties_describe_the_folder(of_folder, folder):
    assert of_folder.modes == tuple(MODES)
    assert (of_folder.sample_rate, of_folder.languages) == (16000, ())
    assert repr(of_folder) == "<SpeechRecognizer tiny, 0.0 MB, onnxruntime, fp32>"
    assert repr(moeasr.load(folder, quantize="int8")).endswith("onnxruntime, int8>")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mode": "joint_decoding"}, "cannot do mode 'joint_decoding'; this one can do: ctc_greed"),
        ({"mode": "ctc_greedy"}, "'ctc_greedy'; did you mean 'ctc_greedy_search'"),
        ({"lm": "x.arpa"}, "cannot use a language model; use the checkpoint"),
        ({"context": "nowhere.txt"}, "nowhere.txt does not exist"),
        ({"length_penalty": 1.0}, "`length_penalty` has no effect in attention_rescoring on a mod"),
        ({"mode": "ctc_greedy_search", "beam_size": 4}, "it is for ctc_prefix_beam_search, attent"),
        ({"language": "en"}, r"does not route by language; omit the language \('en'\)"),
        ({"chunk_size": 4, "num_left_chunks": 0}, "`num_left_chunks` must be at least 1"),
        ({"beam_sise": 4}, "unknown setting 'beam_sise'; did you mean 'beam_size'"),
    ],
)
def test_unsupported_settings_are_refused_in_one_sentence(of_folder, settings, sentence):
    for call in (
        lambda: of_folder.transcribe(np.zeros(9), sample_rate=16000, **settings),
        lambda: of_folder.stream(sample_rate=16000, **settings),
    ):
        with pytest.raises(InputError, match=sentence) as refusal:
            call()
        assert "\n" not in str(refusal.value)


def test_a_stream_has_chunks_and_caches_of_a_fixed_size(of_folder):
    with pytest.raises(InputError, match="`chunk_size` must be at least 1 to stream, but is -1"):
        of_folder.stream(sample_rate=16000, chunk_size=-1)
    with pytest.raises(InputError, match="`num_left_chunks` must be at least 1 in a stream"):
        of_folder.stream(sample_rate=16000, num_left_chunks=-1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "cuda"}, "runs on the CPU: `device` must be cpu, but is 'cuda'"),
        ({"quantize": "bf16"}, "`quantize` must be int8 or left out, but is 'bf16'"),
    ],
)
def test_other_devices_and_precisions_are_refused(folder, options, sentence):
    with pytest.raises(InputError, match=sentence):
        open_folder(folder, **options)


def test_the_command_streams_a_folder(folder, exp_dir, sound, tmp_path, capsys):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(2.0), 16000)

    def streamed(*options):
        stream([*map(str, options), "--mode", "attention_rescoring", str(path)])
        return [line.split("\t")[2:] for line in capsys.readouterr().out.splitlines()]

    found = streamed("--model", folder)
    assert found == streamed("--checkpoint", exp_dir, "--chunk-size", 4, "--num-left-chunks", 2)
    assert found[-1][0] == "final" and found[-1][1]
    with pytest.raises(InputError, match="--simulate needs a --checkpoint"):
        stream(["--model", str(folder), "--simulate", "data", "--out-dir", "out"])


def test_pauses_are_those_of_the_checkpoint(folder, exp_dir, sound):
    engines = open_folder(folder), CheckpointEngine(open_recognizer(exp_dir))
    samples = sound(2.0)
    found = []
    for engine in engines:
        detector = engine.speech_detector(None)
        assert detector.frame_sec == 0.04
        found.append(detector.accept(samples) + detector.finish())
    assert len(found[0]) == len(found[1]) > 40
    assert any(found[0])
