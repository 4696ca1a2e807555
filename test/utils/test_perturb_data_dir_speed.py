"""Speed perturbation of data directories, and the command that its wav.scp calls."""

import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.perturb import perturb_speed
from moeasr.audio.recording import RecordingReader

PIPE = "python3 -m moeasr.bin.perturb_speed"


def perturb(call, *arguments):
    return call("perturb_data_dir_speed.sh", *arguments)


def test_ids_paths_and_durations(call, data):
    path = data(
        spk2gender="a f\nb m\nc f\n",
        reco2dur="a-1 1\na-2 2.5\nb-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n",
        feats_DOT_scp="features do not survive\n",
    )
    data("new", feats_DOT_scp="an earlier run\n")
    before = data.read(path)
    done = perturb(call, "0.9", "my data", "new")
    assert done.returncode == 0, done.stderr
    assert "generated speed-perturbed version of data in my data, in new\n" in done.stdout
    assert "Successfully validated data-directory new" in done.stdout
    assert data.read(path) == before
    files = data.read(call.cwd / "new")
    assert "feats.scp" not in files
    assert files["utt2spk"].startswith("sp0.9-a-1 sp0.9-a\n")
    assert files["utt2uniq"].startswith("sp0.9-a-1 a-1\n")
    assert files["text"].splitlines()[1] == "sp0.9-a-2 TWO  WORDS"
    assert files["spk2gender"] == "sp0.9-a f\nsp0.9-b m\nsp0.9-c f\n"
    assert files["utt2dur"] == files["reco2dur"]
    assert files["utt2dur"] == (
        "sp0.9-a-1 1.11111\nsp0.9-a-2 2.77778\nsp0.9-b-1 1\nsp0.9-b-2 2\n"
        "sp0.9-b-3 0.555556\nsp0.9-c-1 4.44444\n"
    )
    assert files["wav.scp"].splitlines()[:3] == [
        f"sp0.9-a-1 {PIPE} 0.9 '/x y/a-1.wav' |",
        f"sp0.9-a-2 cat /x/a-2.wav | {PIPE} 0.9 - |",
        f"sp0.9-b-1 {PIPE} 0.9 /x/all.ark:5 |",
    ]


def test_speakers_may_stay(call, data):
    data(reco2dur="a-1 1\na-2 2.5\nb-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n")
    assert perturb(call, "--include-spk-prefix", "false", "1.1", "my data", "new").returncode == 0
    files = data.read(call.cwd / "new")
    assert files["utt2spk"].startswith("a-1-sp1.1 a\n")
    assert files["spk2utt"].startswith("a a-1-sp1.1 a-2-sp1.1\n")


def test_segments_are_scaled_and_the_shortest_dropped(call, data):
    data(
        segments="a-1 r 0 1\na-2 r 1 1.01\nb-1 r 2 3.3\nb-2 r 4 5\nb-3 r 5 6\nc-1 r 6 -1\n",
        wav_DOT_scp="r x.wav\n",
        utt2dur="a-1 1\na-2 0.01\nb-1 1.3\nb-2 1\nb-3 1\nc-1 5\n",
        reco2dur="r 11\n",
        reco2file_and_channel="r x A\n",
    )
    assert perturb(call, "1.1", "my data", "new").returncode == 0
    files = data.read(call.cwd / "new")
    assert files["segments"].startswith(
        "sp1.1-a-1 sp1.1-r 0.00 0.91\nsp1.1-b-1 sp1.1-r 1.82 3.00\n"
    )
    assert files["segments"].endswith("\nsp1.1-c-1 sp1.1-r 5.45 -1\n")
    assert files["reco2dur"] == "sp1.1-r 10\n"
    assert files["reco2file_and_channel"] == "sp1.1-r x A\n"
    assert files["wav.scp"] == f"sp1.1-r {PIPE} 1.1 x.wav |\n"
    assert "sp1.1-a-2" not in files["utt2spk"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "my data", "new"], "the speed factor must be a positive number, but is 'x'"),
        (["0", "my data", "new"], "the speed factor must be a positive number, but is '0'"),
        (["0.001", "my data", "new"], "speed factor must be between 0.1 and 10, but is 0.001"),
        (["0.9", "my data", "my data"], "to be different"),
        (["0.9", "none", "new"], "no such file none/utt2spk"),
    ],
)
def test_errors(call, data, arguments, message):
    data()
    done = perturb(call, *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (call.cwd / "new").exists()


def write_waves(folder):
    """One noise of half a second per utterance, under a path with a space and a quote."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for utt in UTTS:
        soundfile.write(folder / f"{utt}.wav", rng.uniform(-0.5, 0.5, 4000), 8000)
    return "".join(f"{utt} {folder.name}/{utt}.wav\n" for utt in UTTS)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], {"{}": "", "sp0.9-{}": "sp0.9-", "sp1.1-{}": "sp1.1-"}),
        (
            ["--always-include-prefix", "true", "--include-spk-prefix", "false"],
            {"sp1.0-{}": "sp1.0-", "{}-sp0.9": "", "{}-sp1.1": ""},
        ),
    ],
)
def test_three_ways(call, data, options, names):
    """`names` has, for each speed, the form of utterance ids and the prefix of speaker ids."""
    table = write_waves(call.cwd / "it's audio")
    path = data(wav_DOT_scp=table, without=["utt2dur"])
    script = "data/perturb_data_dir_speed_3way.sh"
    done = call(script, *options, "my data", "new/")
    assert done.returncode == 0, done.stderr
    assert "generated 3-way speed-perturbed version of data in my data, in new" in done.stdout
    assert {p.name for p in call.cwd.iterdir()} == {"it's audio", "my data", "new"}
    assert (path / "utt2dur").read_text() == "".join(f"{utt} 0.5\n" for utt in UTTS)
    files = data.read(call.cwd / "new")
    expected = [
        f"{name.format(utt)} {prefix}{utt[0]}\n" for name, prefix in names.items() for utt in UTTS
    ]
    assert files["utt2spk"] == "".join(sorted(expected))
    durations = dict(line.split() for line in files["utt2dur"].splitlines())
    original, slow, fast = (name.format("a-1") for name in names)
    assert f"{slow} a-1\n" in files["utt2uniq"]
    assert (durations[fast], durations[original]) == ("0.454545", "0.5")

    (call.cwd / "new/feats.scp").write_text("")
    done = call(script, "my data", "new")
    assert done.returncode == 1 and "delete it to write" in done.stderr


def test_an_order_that_perturbing_breaks_is_explained(call, data):
    """Speaker 'sp' sorts between sp0.9- and sp1.1- by utterance, but not by speaker."""
    table = write_waves(call.cwd / "audio")
    data(
        wav_DOT_scp=table.replace("a-1 ", "sp0.9-a ").splitlines()[0] + "\n",
        utt2spk="sp0.9-a sp1\n",
        spk2utt="sp1 sp0.9-a\n",
        text="sp0.9-a X\n",
        without=["utt2dur"],
    )
    done = call("data/perturb_data_dir_speed_3way.sh", "my data", "new")
    assert done.returncode == 1
    assert "make each speaker id a prefix of its utterance ids" in done.stderr
    assert {p.name for p in call.cwd.iterdir() if "_speed" in p.name} == set()


@pytest.mark.slow
def test_the_pipe_and_the_reader_yield_the_same_samples(call):
    """`python3 -m moeasr.bin.perturb_speed` writes what `RecordingReader` computes in-process."""
    write_waves(call.cwd / "audio")
    path = call.cwd / "audio/a-1.wav"
    done = subprocess.run(
        [sys.executable, "-m", "moeasr.bin.perturb_speed", "1.1", "-"],
        input=path.read_bytes(),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    samples, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    assert (rate_hz, len(samples)) == (8000, 3637)  # 4000 / 1.1
    in_process, _ = RecordingReader().read(f"{PIPE} 1.1 '{path}' |")
    direct = perturb_speed(*RecordingReader().read(str(path)), 1.1)
    torch.testing.assert_close(in_process, direct, rtol=0, atol=0)
    torch.testing.assert_close(torch.from_numpy(samples), in_process, rtol=0, atol=2**-15)


def test_bad_audio_is_one_sentence(tmp_path, capsys):
    from moeasr.bin import run
    from moeasr.bin.perturb_speed import main

    with pytest.raises(SystemExit) as stopped:
        run(lambda: main(["0.9", str(tmp_path / "no.wav")]))
    assert "no.wav" in str(stopped.value)


UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]


@pytest.mark.slow
def test_three_ways_say_one_line_in_a_quiet_recipe(call, data):
    data(wav_DOT_scp=write_waves(call.cwd / "audio"), without=["utt2dur"])
    script = "data/perturb_data_dir_speed_3way.sh"
    done = call(script, "my data", "new", env={"MOEASR_QUIET": "1"})
    told = "new: the utterances of my data at speeds 0.9, 1.0 and 1.1\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
