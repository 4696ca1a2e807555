"""get_reco2dur.sh: durations of recordings."""

import numpy as np
import soundfile


def test_recordings_are_measured_by_their_headers(call, data):
    for name, num_samples in (("r1.wav", 12000), ("r2.flac", 4000)):
        soundfile.write(call.cwd / name, np.zeros(num_samples), 8000)
    data(
        wav_DOT_scp="r1 r1.wav\nr2 flac -c -d -s r2.flac |\n",
        segments="a-1 r1 0 1\na-2 r1 1 1.5\nb-1 r2 0 0.1\n",
    )
    done = call("data/get_reco2dur.sh", "--cmd", "run.pl", "--frame-shift", 0.01, "my data")
    assert done.returncode == 0, done.stderr
    assert "obtaining durations from recordings" in done.stdout
    assert (call.cwd / "my data/reco2dur").read_text() == "r1 1.5\nr2 0.5\n"
    done = call("data/get_reco2dur.sh", "my data")
    assert "already exists with the expected length.  We won't recompute it." in done.stdout


def test_recordings_that_are_utterances_have_their_durations(call, data):
    path = data()
    assert "copying utt2dur to reco2dur" in call("data/get_reco2dur.sh", "my data").stdout
    assert (path / "reco2dur").read_text() == (path / "utt2dur").read_text()
    done = call("data/get_reco2dur.sh", "none")
    assert done.returncode == 1 and "no such file none/wav.scp" in done.stderr
