"""resample_data_dir.sh: audio at another rate, wav.scp changed and no sound touched."""

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.probe import probe_audio
from moeasr.audio.recording import RecordingReader

PIPE = "python3 -m moeasr.bin."
DURATIONS = "a-1 1\na-2 2.5\nb-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n"
UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]


def entries(path):
    return dict(line.split(" ", 1) for line in (path / "wav.scp").read_text().splitlines())


def test_resampling(call, data):
    names = ("feats.scp", "cmvn.scp", "shards.scp")
    path = data(**{name.replace(".", "_DOT_"): "old\n" for name in names})
    done = call("data/resample_data_dir.sh", 8000, "my data")
    assert done.returncode == 0, done.stderr
    assert "moving my data/feats.scp to my data/.backup, because it does not" in done.stdout
    assert {p.name for p in (path / ".backup").iterdir()} == set(names)
    found = entries(path)
    assert found["a-1"] == f"{PIPE}resample 8000 '/x y/a-1.wav' |"
    assert found["a-2"] == f"cat /x/a-2.wav | {PIPE}resample 8000 - |"
    assert found["b-1"] == f"{PIPE}resample 8000 /x/all.ark:5 |"
    assert (path / "utt2dur").read_text() == DURATIONS


def test_what_is_read_then(call, data):
    """After two changes, the audio is still read without a process; its header gives the length."""
    samples = np.random.default_rng(0).uniform(-0.4, 0.4, 16000)
    for utt in UTTS:
        soundfile.write(call.cwd / f"{utt}.wav", samples, 16000)
    table = "".join(f"{u} {call.cwd / u}.wav\n" for u in UTTS)
    path = data(wav_DOT_scp=table, without=["utt2dur"])
    assert call("data/perturb_data_dir_volume.sh", "--scale-low", 3, "--scale-high", 3, "my data")
    assert call("data/resample_data_dir.sh", 8000, "my data").returncode == 0
    assert (path / "utt2dur").read_text() == "".join(f"{u} 1\n" for u in UTTS)
    entry = entries(path)["c-1"]
    waveform, rate_hz = RecordingReader().read(entry)
    assert (rate_hz, len(waveform)) == (8000, 8000)
    assert probe_audio(entry)[:2] == (8000, 8000)
    loud, _ = RecordingReader().read(entry.rsplit("|", 2)[0] + "|")
    expected = torch.from_numpy(np.clip(samples * 3, -1, 1 - 2**-15)).float()
    torch.testing.assert_close(loud, expected, rtol=0, atol=2**-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["8k", "my data"], "must be a whole number in Hz, but is '8k'"),
        (["99999999", "my data"], "must be between 1000 and 1000000 Hz, but is 9"),
        (["8000", "none"], "no such file none/wav.scp"),
        (["8000", "bad"], "bad/wav.scp, line 2: 'a-2' names no audio"),
    ],
)
def test_errors_change_nothing(call, data, arguments, message):
    paths = [data(), data("bad", wav_DOT_scp="a-1 x\na-2\n")]
    before = [data.read(path) for path in paths]
    done = call("data/resample_data_dir.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert [data.read(path) for path in paths] == before
