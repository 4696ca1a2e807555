"""The `transcribe` command, which prints the text of audio files."""

import io
import json
import sys

import numpy as np
import pytest
import soundfile
import torch
from checkpoints import save_model
from speaking_model import save_speaking_model

from moeasr.api.checkpoint_engine import CheckpointEngine
from moeasr.audio.audio_blocks import open_blocks
from moeasr.audio.recording import RecordingReader, resample
from moeasr.bin.transcribe import main
from moeasr.decode.config import DecodeConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.report.transcript_forms import FORMS


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "averaged.pt", DenseConfig())


@pytest.fixture(scope="module")
def speaking_path(tmp_path_factory):
    return save_speaking_model(tmp_path_factory.mktemp("speaking") / "averaged.pt")


@pytest.fixture(scope="module")
def language_model_path(tmp_path_factory):
    """Save a model that routes by language."""
    routed = MoeConfig(hidden_units=16, num_experts=4, router="language")
    path = tmp_path_factory.mktemp("languages") / "averaged.pt"
    return save_model(path, routed, languages=("en", "zh"))


@pytest.fixture
def audio(tmp_path):
    """Create three readable files: mono at 16 kHz, stereo at 8 kHz, and FLAC at 44.1 kHz."""
    generator = np.random.default_rng(0)
    files = {}
    for name, rate_hz, channels in [
        ("a.wav", 16000, 1),
        ("b c.wav", 8000, 2),
        ("d.flac", 44100, 1),
    ]:
        samples = 0.1 * generator.standard_normal((rate_hz // 2, channels))
        soundfile.write(tmp_path / name, samples, rate_hz)
        files[name] = tmp_path / name
    return files


def expected_text(model_path, path, mode, languages=None):
    recognizer = Recognizer.from_checkpoint(model_path)
    waveform, _ = resample(*RecordingReader().read(str(path)), 16000)
    feats = [recognizer.features(waveform)]
    (nbest,) = recognizer.recognize(feats, [mode], DecodeConfig(), languages=languages)[mode]
    return recognizer.text(nbest[0])


@pytest.mark.parametrize("mode", SEARCHES)
def test_all_sample_rates_and_numbers_of_channels_are_accepted(model_path, audio, mode, capsys):
    main(["--checkpoint", str(model_path), "--mode", mode, *map(str, audio.values())])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{path}\t{expected_text(model_path, path, mode)}" for path in audio.values()]
    # an untrained decoder without CTC ends at once
    assert any(line.partition("\t")[2] for line in lines) == ("ctc" in SEARCHES[mode].heads)
    engine = CheckpointEngine(Recognizer.from_checkpoint(model_path))
    for path in audio.values():  # half a second of each file
        with open_blocks(str(path)) as blocks:
            (samples,) = blocks
        waveform = engine.waveform(samples, blocks.rate_hz)
        assert len(waveform) == 8000
        assert torch.equal(waveform, resample(*RecordingReader().read(str(path)), 16000)[0])


def test_num_threads_sets_the_number_of_threads(model_path, audio):
    before = torch.get_num_threads()
    try:
        main(["--checkpoint", str(model_path), "--num-threads", "3", str(audio["a.wav"])])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_the_default_mode_is_joint_decoding(model_path, audio, capsys):
    def nbest(*options):
        main(["--checkpoint", str(model_path), *options, "--nbest", "5", str(audio["a.wav"])])
        return capsys.readouterr().out

    joint, rescored = (nbest("--mode", m) for m in ("joint_decoding", "attention_rescoring"))
    assert nbest() == joint != rescored
    assert nbest("--reverse-weight", "0.3") == rescored


def test_a_dash_means_standard_input(model_path, audio, monkeypatch, capsys):
    path = audio["d.flac"]
    main(["--checkpoint", str(model_path), str(path)])
    text = capsys.readouterr().out.partition("\t")[2]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    main(["--checkpoint", str(model_path), "-"])
    assert capsys.readouterr().out == f"-\t{text}"
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(model_path), "-"])  # the input has been read
    assert "standard input is empty" in capsys.readouterr().err


def test_an_unreadable_file_is_named_and_the_others_are_transcribed(
    model_path, audio, tmp_path, capsys
):
    empty, cut = tmp_path / "empty.wav", tmp_path / "cut.flac"
    empty.write_bytes(b"")
    cut.write_bytes(audio["d.flac"].read_bytes()[:5000])
    paths = [audio["a.wav"], empty, tmp_path / "missing.wav", cut, audio["b c.wav"]]
    with pytest.raises(SystemExit) as stop:
        main(["--checkpoint", str(model_path), *map(str, paths)])
    assert stop.value.code == 1
    printed = capsys.readouterr()
    read = [line.partition("\t")[0] for line in printed.out.splitlines()]
    assert read == [str(audio["a.wav"]), str(audio["b c.wav"])]
    faults = printed.err.splitlines()
    assert len(faults) == 3
    for fault, name in zip(faults, ["empty.wav", "missing.wav", "cut.flac"]):
        assert fault.startswith("moeasr transcribe: ")
        assert name in fault


def test_if_no_file_can_be_read_an_earlier_output_stays(model_path, audio, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "all.json").write_text("earlier")
    options = [
        "--checkpoint",
        str(model_path),
        "--format",
        "json",
        "-o",
        str(tmp_path / "all.json"),
    ]
    with pytest.raises(SystemExit):
        main([*options, str(tmp_path / "empty.wav")])
    assert (tmp_path / "all.json").read_text() == "earlier"
    with pytest.raises(SystemExit):
        main([*options, str(tmp_path / "empty.wav"), str(audio["a.wav"])])
    assert "a.wav" in (tmp_path / "all.json").read_text()


def test_nan_is_refused_and_a_header_with_too_many_samples_gives_a_warning(
    model_path, tmp_path, capsys
):
    nan, high = tmp_path / "nan.wav", tmp_path / "high.wav"
    samples = np.zeros(8000, np.float32)
    samples[4000] = np.nan
    soundfile.write(nan, samples, 16000, subtype="FLOAT")
    soundfile.write(high, np.zeros(8000), 16000)
    content = bytearray(high.read_bytes())
    content[40:44] = (16044).to_bytes(4, "little")  # the file has 16000 bytes of samples
    high.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["--checkpoint", str(model_path), str(high), str(nan), str(high)])
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert [line.partition("\t")[0] for line in printed.out.splitlines()] == [str(high)] * 2
    fault, warning = printed.err.splitlines()
    assert "nan.wav contains NaN, infinity or an absurdly large value: sample 4000 is nan" in fault
    assert warning.startswith(
        "moeasr transcribe: warning: the headers of 2 files announce more samples"
    )


def test_very_short_audio_and_silence_give_one_line_each(model_path, tmp_path, capsys):
    for name, seconds in [("short.wav", 0.01), ("silent.wav", 1.0)]:
        soundfile.write(tmp_path / name, np.zeros(round(seconds * 16000)), 16000)
    main(
        ["--checkpoint", str(model_path), str(tmp_path / "short.wav"), str(tmp_path / "silent.wav")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'short.wav'}\t"
    assert lines[1].startswith(f"{tmp_path / 'silent.wav'}\t")


@pytest.mark.parametrize("mode", [m for m, search in SEARCHES.items() if "ctc" in search.heads])
def test_timestamps_gives_the_times_of_words(model_path, audio, mode, capsys):
    path = audio["a.wav"]
    argv = ["--checkpoint", str(model_path), "--mode", mode, str(path)]
    main([*argv, "--timestamps"])
    fields = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {field[0] for field in fields} == {str(path)}
    assert " ".join(field[4] for field in fields) == expected_text(model_path, path, mode)
    times = [float(sec) for field in fields for sec in field[1:3]]
    assert times == sorted(times) and 0 <= times[0] < times[-1] <= 0.5
    assert all(0 <= float(field[3]) <= 1 for field in fields)


def test_nbest_gives_the_best_hypotheses(model_path, audio, capsys):
    path, mode = audio["a.wav"], "ctc_prefix_beam_search"
    main(["--checkpoint", str(model_path), "--mode", mode, "--nbest", "3", str(path)])
    fields = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [field[:2] for field in fields] == [[str(path), rank] for rank in "123"]
    assert fields[0][3] == expected_text(model_path, path, mode)
    assert len({field[3] for field in fields}) > 1
    assert all(0 <= float(field[2]) <= 1 for field in fields)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--nbest", "11"], "--nbest must be between 1 and 10"),
        (["--nbest", "0"], "--nbest must be between 1 and 10"),
        (["--nbest", "2", "--mode", "ctc_greedy_search"], "--nbest must be between 1 and 1,"),
        (["--nbest", "2", "--timestamps"], "give either --timestamps or --nbest"),
        (["--ctc-weight", "0.3", "--mode", "attention"], "`ctc_weight` has no effect in attention"),
        (["--beam-size", "5", "--mode", "ctc_greedy_search"], "`beam_size` has no effect"),
        (["--lm", "x", "--mode", "ctc_greedy_search"], "'ctc_greedy_search' cannot use a language"),
        (["--context-score", "2"], "`context_score` has no effect without `context`"),
        (["--context", "nowhere.txt"], "nowhere.txt does not exist"),
    ],
)
def test_invalid_options_and_options_without_effect_are_refused(
    model_path, audio, options, sentence, capsys
):
    with pytest.raises(InputError, match=sentence):
        main(["--checkpoint", str(model_path), *options, str(audio["a.wav"])])
    assert capsys.readouterr().out == ""


def test_settings_that_the_model_does_not_support_are_refused_before_any_file_is_read(
    tmp_path, audio, capsys
):
    chunkless = {"causal_conv": False, "dynamic_chunk": False}
    path = save_model(tmp_path / "x.pt", **chunkless)
    with pytest.raises(InputError, match="cannot decode in chunks"):
        main(["--checkpoint", str(path), "--chunk-size", "4", "missing.wav", str(audio["a.wav"])])
    output = capsys.readouterr()
    assert output.out == output.err == ""


def test_a_file_whose_hypothesis_cannot_be_aligned_is_named(model_path, audio, monkeypatch, capsys):
    monkeypatch.setattr(Recognizer, "times", lambda self, hypothesis: None)
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(model_path), "--timestamps", str(audio["a.wav"])])
    assert "a.wav: there are no times" in capsys.readouterr().err


def test_an_unknown_mode_is_refused_before_any_file_is_read(model_path, audio, capsys):
    with pytest.raises(InputError, match="unknown decoding mode 'x'"):
        main(["--checkpoint", str(model_path), "--mode", "x", str(audio["a.wav"])])
    assert capsys.readouterr().out == ""


def test_a_file_name_is_never_run_as_a_command(model_path, audio, tmp_path, capsys):
    trap = tmp_path / "sprung"
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(model_path), f"touch {trap} |"])
    assert not trap.exists() and "No such file" in capsys.readouterr().err


def test_language_sets_the_language_of_all_files(language_model_path, audio, capsys):
    mode = "ctc_greedy_search"
    texts = []
    for index, language in enumerate(["en", "zh"]):
        options = ["--checkpoint", str(language_model_path), "--mode", mode]
        main([*options, "--language", language, str(audio["a.wav"]), str(audio["b c.wav"])])
        texts.append([line.split("\t")[1] for line in capsys.readouterr().out.splitlines()])
        assert texts[-1] == [
            expected_text(language_model_path, audio[name], mode, [index])
            for name in ("a.wav", "b c.wav")
        ]
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    ("more", "given"), [([], "is not given"), (["--language", "de"], "is 'de'")]
)
def test_a_missing_or_unknown_language_is_refused_before_any_file_is_read(
    language_model_path, more, given
):
    with pytest.raises(InputError, match=f"`language` must be one of en, zh, but {given}"):
        main(["--checkpoint", str(language_model_path), *more, "missing.wav"])


def test_a_language_is_refused_for_a_model_that_does_not_route_by_language(model_path):
    with pytest.raises(
        InputError, match="`language` is 'en', but this model does not route by language"
    ):
        main(["--checkpoint", str(model_path), "--language", "en", "missing.wav"])


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_written_to_a_directory(speaking_path, audio, tmp_path, form, capsys):
    (tmp_path / "wav.scp").write_text(f"u1 {audio['a.wav']}\nu2 {audio['d.flac']}\n")
    argv = ["--checkpoint", str(speaking_path), "--format", form]
    main([*argv, "-o", f"{tmp_path / 'out'}/", str(tmp_path / "wav.scp")])
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == [f"u{n}{FORMS[form].suffix}" for n in (1, 2)]
    assert capsys.readouterr().out == ""
    for entry, path in zip(("a.wav", "d.flac"), written):
        main([*argv, str(audio[entry])])
        content = path.read_text(encoding="utf-8")
        assert len(content) > 4
        printed = capsys.readouterr().out.replace(str(audio[entry]), path.stem)
        assert content == printed.replace("_".join(str(audio[entry]).split()), path.stem)


def test_a_directory_is_searched_for_audio(speaking_path, audio, tmp_path, capsys):
    main(["--checkpoint", str(speaking_path), str(tmp_path)])
    names = [line.partition("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == sorted(str(path) for path in audio.values())


def test_a_long_recording_is_cut_at_its_pauses(speaking_path, tmp_path, capsys):
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(tmp_path / "long.wav", np.tile(np.append(noise, np.zeros(16000)), 17), 16000)
    argv = ["--checkpoint", str(speaking_path), "--mode", "ctc_greedy_search"]
    main([*argv, "--format", "json", str(tmp_path / "long.wav")])
    found = json.loads(capsys.readouterr().out)
    assert found["duration"] == 34.0 and len(found["segments"]) > 1
    words = [word for segment in found["segments"] for word in segment["words"]]
    starts = [word["start"] for word in words]
    assert starts == sorted(starts) and starts[-1] >= 20
    main([*argv, "--format", "json", "--max-whole-sec", "60", str(tmp_path / "long.wav")])
    assert len(json.loads(capsys.readouterr().out)["segments"]) == 1
    main([*argv, "--timestamps", str(tmp_path / "long.wav")])
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[4] for line in lines] == [word["text"] for word in words]
    with pytest.raises(SystemExit):
        main([*argv, "--nbest", "1", str(tmp_path / "long.wav")])
    assert "long.wav: --nbest is for recordings that are recognised as a whole" in (
        capsys.readouterr().err
    )


def test_vad_skips_what_is_not_speech(speaking_path, audio, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    argv = ["--checkpoint", str(speaking_path), "--vad", "--timestamps", str(audio["a.wav"])]
    with pytest.raises(InputError, match=r"pip install -e '\.\[vad\]'"):
        main(argv)
    monkeypatch.undo()
    pytest.importorskip("silero_vad")
    main(argv)  # noise
    assert capsys.readouterr().out == ""
