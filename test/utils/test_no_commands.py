"""The scripts that read audio, given an entry of wav.scp that is a command for the shell."""

import numpy as np
import pytest
import soundfile

NOTICE = "wav.scp: reading this table runs shell commands, the first one for a-1:"
REFUSAL = "was not run: commands in wav.scp are forbidden"
FEATURES = ("make_fbank.sh", "make_raw.sh", "make_shards.sh")


@pytest.fixture
def recipe(call, data):
    """Six utterances, each of them read by a command that leaves a trace."""
    (call.cwd / "conf").mkdir()
    (call.cwd / "conf/fbank.yaml").write_text("num_mel_bins: 10\n")
    soundfile.write(call.cwd / "a.wav", np.zeros(16000), 16000)
    utts = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]
    table = "".join(f"{utt} echo {utt} >> ran; cat a.wav |\n" for utt in utts)
    return data(wav_DOT_scp=table, text="".join(f"{utt} x\n" for utt in utts), without=["utt2dur"])


def everything_said(call, done):
    """Return the output of a script and of the jobs that it started."""
    logs = (path.read_text() for path in call.cwd.rglob("*.log"))
    return done.stdout + done.stderr + "".join(logs)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["make_fbank.sh", "make_raw.sh", "data/get_utt2dur.sh"])
def test_commands_run_and_are_announced_once_where_the_user_looks(call, recipe, script):
    done = call(script, "--nj", 2, "my data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(NOTICE) == 1
    assert len((call.cwd / "ran").read_text().splitlines()) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("script", ["make_raw.sh", "data/get_reco2dur.sh"])
def test_the_environment_forbids_commands(call, recipe, script):
    done = call(script, "--nj", 2, "my data", env={"MOEASR_NO_COMMANDS": "1"})
    assert done.returncode == 1
    assert REFUSAL in everything_said(call, done)
    assert not (call.cwd / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("script", FEATURES)
def test_an_option_forbids_commands(call, recipe, script):
    done = call(script, "--nj", 2, "--no-commands", "true", "my data")
    assert done.returncode == 1
    assert REFUSAL in everything_said(call, done)
    assert not (call.cwd / "ran").exists()


@pytest.mark.slow
def test_checks_of_audio_forbid_commands(call, recipe):
    done = call("validate_data_dir.sh", "--no-feats", "--check-audio", "--no-commands", "my data")
    assert done.returncode == 1
    assert done.stderr.count(REFUSAL) == 6
    assert not (call.cwd / "ran").exists()
