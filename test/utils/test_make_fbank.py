"""utils/make_fbank.sh: features of a data directory by parallel jobs."""

import kaldiio
import numpy as np
import pytest
import soundfile

UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]


@pytest.fixture
def recipe(call, data):
    """A recipe with audio of 0.5, 0.6 ... s, under paths with spaces."""
    rng = np.random.default_rng(0)
    (call.cwd / "conf").mkdir()
    (call.cwd / "conf/fbank.yaml").write_text("num_mel_bins: 10\n")
    for i, utt in enumerate(UTTS):
        soundfile.write(call.cwd / f"my {utt}.wav", rng.uniform(-1, 1, 8000 + 1600 * i), 16000)
    table = "".join(f"{utt} my {utt}.wav\n" for utt in UTTS)
    return data(wav_DOT_scp=table, utt2dur="", without=["utt2dur"])


@pytest.mark.slow
def test_features_tables_and_config(call, data, recipe):
    """There are two jobs and paths with spaces. Features of an earlier run move to .backup."""
    (recipe / "feats.scp").write_text("old\n")
    done = call("make_fbank.sh", "--nj", 2, "my data", "my log", "my feats")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Succeeded creating filterbank features for my data" in done.stdout
    assert "the jobs write their logs to my log/make_fbank_my data.*.log\n" in done.stdout
    files = data.read(recipe)
    feats = kaldiio.load_scp(str(recipe / "feats.scp"), separator=None)
    assert list(feats) == UTTS
    assert [feats[utt].shape for utt in UTTS] == [(50 + 10 * i, 10) for i in range(6)]
    assert files["utt2num_frames"] == "".join(f"{u} {50 + 10 * i}\n" for i, u in enumerate(UTTS))
    assert [float(line.split()[1]) for line in files["utt2dur"].splitlines()] == [
        pytest.approx(0.5 + 0.1 * i) for i in range(6)
    ]
    assert files["frame_shift"] == "0.01\n"
    config = (recipe / "conf/fbank.yaml").read_text()
    assert "num_mel_bins: 10\n" in config and "sample_rate_hz: 16000\n" in config
    logs = sorted(p.name for p in (call.cwd / "my log").iterdir())
    assert logs == ["make_fbank_my data.1.log", "make_fbank_my data.2.log"]
    assert (recipe / ".backup/feats.scp").read_text() == "old\n"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["make_fbank.sh", "make_raw.sh", "make_shards.sh"])
def test_more_jobs_than_utterances_are_as_many_jobs_as_utterances(call, data, recipe, script):
    done = call(script, "--nj", 7, "my data", "my log")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(data.read(recipe)["utt2num_frames"].splitlines()) == 6
    if script == "make_fbank.sh":
        assert "--nj 6 instead of 7, because my data/wav.scp has no more lines\n" in done.stdout
        assert len(list((call.cwd / "my log").iterdir())) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nj", "x"], "--nj must be a whole number from 1 to 99999, but is 'x'"),
        (["--fbank-config", "conf/none.yaml"], "the file conf/none.yaml does not exist"),
        (["--cmd", "false"], ""),
    ],
)
def test_errors_leave_no_features(call, recipe, options, message):
    done = call("make_fbank.sh", "--nj", 2, *options, "my data")
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (recipe / "feats.scp").exists()
    assert not list(call.cwd.rglob("make_fbank*.log"))  # no job has begun


def test_an_invalid_directory_is_refused(call, recipe):
    (recipe / "wav.scp").write_text("a-1 x\n")
    done = call("make_fbank.sh", "my data")
    assert done.returncode == 1 and "utt2spk and wav.scp differ" in done.stderr
    assert call("make_fbank.sh").stderr.startswith("Usage: ")
