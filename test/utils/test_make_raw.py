"""utils/make_raw.sh and make_shards.sh: data directories for training on audio."""

import numpy as np
import pytest
import soundfile

UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]
SCRIPTS = ("make_raw.sh", "make_shards.sh")


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
@pytest.mark.parametrize("script", SCRIPTS)
def test_lengths_and_settings_are_written_and_the_directory_stays_valid(
    call, data, recipe, script, tmp_path
):
    places = ["my data", "my log"] + ["my shards"] * (script == "make_shards.sh")
    done = call(script, "--nj", 2, *places)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{script}: Succeeded" in done.stdout
    files = data.read(recipe)
    assert files["utt2num_frames"] == "".join(f"{u} {50 + 10 * i}\n" for i, u in enumerate(UTTS))
    assert files["frame_shift"] == "0.01\n"
    assert "num_mel_bins: 10\n" in (recipe / "conf/fbank.yaml").read_text()
    logs = [path.name for path in (call.cwd / "my log").glob("[!.]*")]
    assert logs == [f"{script[:-3]}_my data.log"]
    if script == "make_shards.sh":
        shard = call.cwd.resolve() / "my shards" / "my data_000000000.tar"
        lines = [line.split(" ", 3) for line in files["shards.scp"].splitlines()]
        assert [(utt, name) for utt, name, _, _ in lines] == [(u, f"{u}.wav") for u in UTTS]
        assert {path for *_, path in lines} == {str(shard)}
    for check in ("fix_data_dir.sh", "validate_data_dir.sh --no-feats"):
        done = call(*check.split(), "my data")
        assert done.returncode == 0, done.stdout + done.stderr
    assert data.read(recipe) == files | {"utt2dur": data.read(recipe)["utt2dur"]}


@pytest.mark.slow
def test_an_utterance_that_no_shard_has_is_removed_by_fix(call, data, recipe):
    call("make_shards.sh", "--nj", 1, "my data")
    table = recipe / "shards.scp"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[1:]))
    assert call("validate_data_dir.sh", "--no-feats", "my data").returncode == 1
    assert call("fix_data_dir.sh", "my data").returncode == 0
    assert data.read(recipe)["utt2spk"].splitlines()[0] == "a-2 a"
    assert call("validate_data_dir.sh", "--no-feats", "my data").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nj", "x", "my data"], "--nj must be a whole number of at least 1, but is 'x'"),
        (["--fbank-config", "conf/none.yaml", "my data"], "conf/none.yaml does not exist"),
        (["no data"], "no data"),
        ([], "Usage: "),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing(call, data, recipe, script, options, message):
    before = data.read(recipe)
    done = call(script, *options)
    assert done.returncode == 1 and message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert data.read(recipe) == before


@pytest.mark.slow
def test_audio_that_is_not_there_is_named(call, data, recipe):
    (call.cwd / "my a-1.wav").unlink()
    for script in SCRIPTS:
        done = call(script, "--nj", 1, "my data")
        assert done.returncode == 1
        assert "a-1 audio file my a-1.wav does not exist" in done.stdout + done.stderr
        assert "at least 95 % must" in done.stdout + done.stderr
        assert not (recipe / "shards.scp").exists() and not (recipe / "utt2num_frames").exists()
