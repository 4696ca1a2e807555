"""resample_data_dir.sh and perturb_data_dir_volume.sh: wav.scp changed, no sound touched."""

import random

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.probe import probe_audio
from moeasr.audio.recording import read_audio

PIPE = "python3 -m moeasr.bin."
DURATIONS = "a-1 1\na-2 2.5\nb-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n"
UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]


def entries(path):
    return dict(line.split(" ", 1) for line in (path / "wav.scp").read_text().splitlines())


def test_resampling(call, data):
    path = data(feats_DOT_scp="old\n", cmvn_DOT_scp="old\n")
    done = call("data/resample_data_dir.sh", 8000, "my data")
    assert done.returncode == 0, done.stderr
    assert "feats.scp already exists. Moving it to my data/.backup" in done.stdout
    assert {p.name for p in (path / ".backup").iterdir()} == {"feats.scp", "cmvn.scp"}
    found = entries(path)
    assert found["a-1"] == f"{PIPE}resample 8000 '/x y/a-1.wav' |"
    assert found["a-2"] == f"cat /x/a-2.wav | {PIPE}resample 8000 - |"
    assert found["b-1"] == f"{PIPE}resample 8000 /x/all.ark:5 |"
    assert (path / "utt2dur").read_text() == DURATIONS


def test_volumes_are_drawn_as_in_kaldi_and_only_once(call, data):
    path = data(feats_DOT_scp="old\n")
    script = "data/perturb_data_dir_volume.sh"
    done = call(script, "--write-reco2vol", "vol", "my data")
    assert done.returncode == 0, done.stderr
    assert "it wouldn't be valid any more" in done.stdout
    assert "added volume perturbation to the data in my data" in done.stdout
    kaldis = random.Random(0)
    volumes = {utt: kaldis.uniform(0.125, 2) for utt in UTTS}
    assert (call.cwd / "vol").read_text() == "".join(f"{u} {v}\n" for u, v in volumes.items())
    found = entries(path)
    assert found["a-1"] == f"{PIPE}perturb_volume {volumes['a-1']} '/x y/a-1.wav' |"
    assert found["a-2"] == f"cat /x/a-2.wav | {PIPE}perturb_volume {volumes['a-2']} - |"
    done = call(script, "my data")
    assert "already volume perturbed.  Not doing anything." in done.stdout
    assert entries(path) == found


def test_kaldis_own_volume_perturbation_is_recognised(call, data):
    data(wav_DOT_scp="".join(f"{utt} sox --vol 1.5 -t wav {utt}.wav -t wav - |\n" for utt in UTTS))
    done = call("data/perturb_data_dir_volume.sh", "my data")
    assert "already volume perturbed.  Not doing anything." in done.stdout


def test_given_volumes(call, data):
    path = data()
    (call.cwd / "vol").write_text("".join(f"{utt} 0.{n}\n" for n, utt in enumerate(UTTS, start=1)))
    assert call("data/perturb_data_dir_volume.sh", "--reco2vol", "vol", "my data").returncode == 0
    assert entries(path)["b-1"] == f"{PIPE}perturb_volume 0.3 /x/all.ark:5 |"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resample_data_dir.sh", "8k", "my data"], "must be a number of Hz, but is '8k'"),
        (["resample_data_dir.sh", "99999999", "my data"], "must be 1000 to 1000000 Hz, but is 9"),
        (["resample_data_dir.sh", "8000", "none"], "no such file none/wav.scp"),
        (["resample_data_dir.sh", "8000", "bad"], "bad/wav.scp, line 2: 'a-2' names no audio"),
        (["perturb_data_dir_volume.sh", "none"], "Expected none/wav.scp to exist"),
        (["perturb_data_dir_volume.sh", "bad"], "bad/wav.scp, line 2: 'a-2' names no audio"),
        (["perturb_data_dir_volume.sh", "--reco2vol", "few", "my data"], "id a-2 in few"),
        (["perturb_data_dir_volume.sh", "--reco2vol", "loud", "my data"], "volume 'x' of a-1 is"),
        (["perturb_data_dir_volume.sh", "--reco2vol", "inf", "my data"], "volume 'inf' of a-1"),
        (["perturb_data_dir_volume.sh", "--reco2vol", "no", "my data"], "no such file no"),
    ],
)
def test_errors_change_nothing(call, data, arguments, message):
    paths = [data(), data("bad", wav_DOT_scp="a-1 x\na-2\n")]
    (call.cwd / "few").write_text("a-1 1\n")
    (call.cwd / "loud").write_text("a-1 x\n")
    (call.cwd / "inf").write_text("a-1 inf\n")
    before = [data.read(path) for path in paths]
    done = call(f"data/{arguments[0]}", *arguments[1:])
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert [data.read(path) for path in paths] == before


def test_what_is_read_then(call, data):
    """Changed twice, and still read without a process, at the length the header tells."""
    samples = np.random.default_rng(0).uniform(-0.4, 0.4, 16000)
    for utt in UTTS:
        soundfile.write(call.cwd / f"{utt}.wav", samples, 16000)
    table = "".join(f"{u} {call.cwd / u}.wav\n" for u in UTTS)
    path = data(wav_DOT_scp=table, without=["utt2dur"])
    assert call("data/perturb_data_dir_volume.sh", "--scale-low", 3, "--scale-high", 3, "my data")
    assert call("data/resample_data_dir.sh", 8000, "my data").returncode == 0
    assert (path / "utt2dur").read_text() == "".join(f"{u} 1\n" for u in UTTS)
    entry = entries(path)["c-1"]
    waveform, rate_hz = read_audio(entry, None)
    assert (rate_hz, len(waveform)) == (8000, 8000)
    assert probe_audio(entry)[:2] == (8000, 8000)
    loud, _ = read_audio(entry.rsplit("|", 2)[0] + "|", None)
    expected = torch.from_numpy(np.clip(samples * 3, -1, 1 - 2**-15)).float()
    torch.testing.assert_close(loud, expected, rtol=0, atol=2**-13)
