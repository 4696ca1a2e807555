"""The `stream` command, which recognises audio as if it were live."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from checkpoints import save_model
from speaking_model import save_speaking_model

from moeasr.bin.decode import main as decode
from moeasr.bin.stream import main
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.moe.layer import MoeConfig

RULE1 = "rule1-min-trailing-silence"


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "averaged.pt")


@pytest.fixture
def data_dir(tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    with open(tmp_path / "data" / "wav.scp", "w") as table:
        for utt, seconds in [("u1", 0.5), ("u2", 0.31)]:
            path = tmp_path / f"{utt}.wav"
            soundfile.write(path, 0.1 * generator.standard_normal(int(16000 * seconds)), 16000)
            table.write(f"{utt} {path}\n")
    (tmp_path / "data" / "text").write_text("u1 a b\nu2 c\n")
    return tmp_path / "data"


def stream(model_path, *args):
    main(["--checkpoint", str(model_path), "--chunk-size", "4", *map(str, args)])


def test_files_print_partial_and_final_results_with_times(model_path, data_dir, capsys):
    path = data_dir.parent / "u1.wav"
    stream(model_path, path)
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {line[0] for line in lines} == {str(path)}
    assert [line[2] for line in lines] == ["partial"] * (len(lines) - 1) + ["final"]
    times = [float(line[1]) for line in lines]
    assert len(lines) > 1
    assert times == sorted(times)
    assert times[-1] >= 0.5


def test_the_default_mode_is_the_most_accurate_mode(model_path, data_dir):
    stream(model_path, "--simulate", data_dir, "--out-dir", data_dir / "out")
    assert [path.name for path in (data_dir / "out").iterdir()] == ["joint_decoding_chunk4_stream"]


def test_a_dash_means_standard_input(model_path, data_dir, monkeypatch, capsys):
    path = data_dir.parent / "u1.wav"
    stream(model_path, path)
    final = capsys.readouterr().out.splitlines()[-1].split("\t")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    stream(model_path, "-")
    fields = capsys.readouterr().out.splitlines()[-1].split("\t")
    assert (fields[0], fields[2:]) == ("-", final[2:])


class OpenPipe:
    """Standard input on which two seconds have arrived; more is asked for only after a result."""

    def __init__(self, content, capsys):
        self.content, self.capsys = io.BytesIO(content), capsys
        self.buffer = self
        self.printed = ""

    def read(self, count):
        if self.content.tell() >= 64000 and not self.printed:
            self.printed = self.capsys.readouterr().out
            assert "\tpartial\t" in self.printed
        return self.content.read(count)


@pytest.mark.parametrize("is_raw", [True, False])
def test_partial_results_appear_while_the_pipe_is_open(tmp_path, is_raw, monkeypatch, capsys):
    model_path = save_speaking_model(tmp_path / "averaged.pt")
    samples = 0.1 * np.random.default_rng(0).standard_normal(3 * 16000)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 16000)
    content = bytearray(path.read_bytes())
    content[40:44] = bytes(4)  # the program that writes into the pipe does not know the length
    options = ("--sample-rate", "16000") if is_raw else ()
    pipe = OpenPipe(bytes(content[44:] if is_raw else content), capsys)
    monkeypatch.setattr("sys.stdin", pipe)
    stream(model_path, *options, "-")
    printed = pipe.printed + capsys.readouterr().out
    stream(model_path, path)
    expected = capsys.readouterr().out
    texts = [[line.split("\t")[2:] for line in out.splitlines()] for out in (printed, expected)]
    assert texts[0] == texts[1]


def test_an_empty_pipe_is_one_sentence(model_path, monkeypatch, capsys):
    for options in ((), ("--sample-rate", "8000")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
        with pytest.raises(SystemExit):
            stream(model_path, *options, "-")
        assert capsys.readouterr() == ("", "moeasr stream: standard input is empty (0 bytes)\n")


def test_end_points_end_an_utterance_unless_they_are_off(model_path, data_dir, capsys):
    path, always = data_dir.parent / "u1.wav", ("--rule3-min-utterance-length", "0.2")
    stream(model_path, path, *always)
    assert capsys.readouterr().out.count("\tfinal\t") > 1
    # The first 20.5 s have no pause, so an utterance ends after 20 s.
    long = data_dir / "long.wav"
    sound = np.tile(soundfile.read(path)[0], 41)
    soundfile.write(long, np.concatenate([sound, np.zeros(16000)]), 16000)
    options = (long, "--chunk-size", "40", "--mode", "ctc_greedy_search", "--packet-ms", "1000")
    for endpoint, num_utts in ((), 2), (("--endpoint", "off"), 1):
        stream(model_path, *options, *endpoint)
        printed = capsys.readouterr().out
        assert printed.count("\tfinal\t") == num_utts
    text = printed.splitlines()[-1].split("\t")[3]
    # each utterance of a test set is one utterance, however long it is
    (data_dir / "text").unlink()
    (data_dir / "wav.scp").write_text(f"long {long}\n")
    stream(model_path, "--simulate", data_dir, "--out-dir", data_dir / "out", *options[1:])
    (table,) = (data_dir / "out").glob("*/text")
    assert table.read_text() == f"long {text}\n"


@pytest.mark.parametrize("mode", SEARCHES)
def test_a_simulated_stream_gives_the_text_of_decoding_in_chunks(
    mode, model_path, data_dir, capsys
):
    out_dir = data_dir.parent / "out"
    stream(model_path, "--simulate", data_dir, "--out-dir", out_dir, "--mode", mode)
    printed = capsys.readouterr().out
    assert "%WER " in printed
    # an untrained decoder without CTC ends at once
    delay = "mean " if "ctc" in SEARCHES[mode].heads else "none had text"
    assert f"delay of the first partial result after its first unit, s: {delay}" in printed
    options = ("--checkpoint", model_path, "--data-dir", data_dir, "--out-dir", out_dir)
    decode([*map(str, options), "--modes", mode, "--chunk-size", "4"])
    streamed, offline = out_dir / f"{mode}_chunk4_stream", out_dir / f"{mode}_chunk4"
    assert (streamed / "text").read_text() == (offline / "text").read_text()
    about = json.loads((streamed / "decode.json").read_text())
    assert about["num_utts"] == 2
    assert about["audio_sec"] == pytest.approx(0.81)
    assert about["rtf"] == pytest.approx(about["wall_sec"] / 0.81)
    assert about["rtf_includes_features"] is True
    assert about["final_latency_sec"]["p50"] > 0
    assert (about["chunk_size"], about["commit"], about["set"]) == (4, "abc", "data")


def test_a_model_that_routes_by_language_gets_the_language(tmp_path, data_dir, capsys):
    routed = MoeConfig(hidden_units=16, num_experts=4, router="language")
    model_path = save_model(tmp_path / "x.pt", routed, languages=("en", "zh"))
    with pytest.raises(InputError, match="`language` must be one of en, zh, but is not given"):
        stream(model_path, data_dir.parent / "u1.wav")
    finals = []
    for language in ("en", "zh"):
        stream(model_path, data_dir.parent / "u1.wav", "--language", language)
        finals.append(capsys.readouterr().out.splitlines()[-1].split("\t")[2:])
    assert finals[0][0] == finals[1][0] == "final"
    assert finals[0][1] != finals[1][1]
    simulate = ("--simulate", data_dir, "--out-dir", tmp_path / "out")
    with pytest.raises(InputError, match="utt2lang does not exist"):
        stream(model_path, *simulate)
    for language, (_, text) in zip(("en", "zh"), finals):
        (data_dir / "utt2lang").write_text(f"u1 {language}\nu2 zh\n")
        stream(model_path, *simulate)
        table = (tmp_path / "out" / "joint_decoding_chunk4_stream" / "text").read_text()
        assert table.splitlines()[0] == f"u1 {text}".rstrip()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wav.scp", "", "contains no utterances"),
        ("text", "u1 a b\nu3 c\n", "1 of 2 utterances have no hypothesis: u3"),
        ("text", "", "text is empty"),
    ],
)
def test_for_a_data_directory_that_cannot_be_scored_nothing_is_written(
    name, content, message, model_path, data_dir
):
    (data_dir / name).write_text(content)
    out_dir = data_dir.parent / "out"
    with pytest.raises(InputError, match=message):
        stream(model_path, "--simulate", data_dir, "--out-dir", out_dir)
    assert not out_dir.exists()


def test_after_an_unreadable_file_the_others_are_recognised(model_path, data_dir, capsys):
    (data_dir / "bad.wav").write_text("no audio")
    with pytest.raises(SystemExit) as exited:
        stream(model_path, data_dir / "bad.wav", data_dir.parent / "u2.wav")
    assert exited.value.code == 1
    output = capsys.readouterr()
    assert "bad.wav cannot be decoded" in output.err
    assert "\tfinal\t" in output.out


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
    with pytest.raises(SystemExit) as exited:
        stream(model_path, high, nan, high)
    assert exited.value.code == 1
    printed = capsys.readouterr()
    assert printed.out.count(f"{high}\t") == printed.out.count("high.wav") >= 2
    fault, warning = printed.err.splitlines()
    assert "nan.wav contains NaN, infinity or an absurdly large value: sample 4000 is nan" in fault
    assert warning.startswith(
        "moeasr stream: warning: the headers of 2 files announce more samples"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give either audio files or --simulate"),
        (("a.wav", "--simulate", "data"), "give either audio files or --simulate"),
        (("--simulate", "data"), "--simulate and --out-dir require each other"),
        (("a.wav", "--chunk-size", "0"), "`chunk_size` must be -1"),
        (("a.wav", "--chunk-size", "-1"), "`chunk_size` must be at least 1 to stream, but is -1"),
        (("a.wav", "--packet-ms", "0.05"), "a packet must have .*, but is 5e-05 s long"),
        (("--simulate", ".", "--out-dir", "o", "--packet-ms", "0.05"), "but is 5e-05 s long"),
        (
            ("a.wav", "--mode", "ctc_greedy_search", "--beam-size", "4"),
            "`beam_size` has no effect in ctc_greedy_search",
        ),
        (("a.wav", "--packet-ms", "0"), "a packet must have .*, but is 0 s long"),
        (("a.wav", "--packet-ms", "nan"), "a packet must have .*, but is nan s long"),
        (("a.wav", "--packet-ms", "inf"), "a packet must have .*, but is inf s long"),
        (
            ("--simulate", ".", "--out-dir", "o", "--language", "en"),
            "`--language` has no effect with",
        ),
        (
            ("--simulate", ".", "--out-dir", "o", "--endpoint", "on"),
            "`--endpoint` has no effect with",
        ),
        (
            ("--simulate", ".", "--out-dir", "o", f"--{RULE1}", "3"),
            f"`--{RULE1}` has no effect with",
        ),
        (("a.wav", "--endpoint", "off", f"--{RULE1}", "3"), f"`--{RULE1}` has no effect"),
        (("a.wav", "--rule2-min-trailing-silence", "0"), "must be above 0, but is 0"),
    ],
)
def test_invalid_options_are_refused(options, message, model_path, data_dir, monkeypatch):
    monkeypatch.chdir(data_dir)
    soundfile.write("a.wav", np.zeros(800), 16000)
    with pytest.raises(InputError, match=message):
        stream(model_path, *options)


@pytest.mark.slow
def test_a_fault_gives_one_sentence_and_status_1(tmp_path):
    command = [sys.executable, "-m", "moeasr.bin.stream", "--checkpoint", "none.pt", "a.wav"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("checkpoint none.pt does not exist")
    assert "Traceback" not in done.stderr
