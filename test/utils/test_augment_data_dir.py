"""augment_data_dir.sh: a noisy copy of a data directory."""

import pytest
import soundfile
from speech_sets import tone, write_sound

NOISE = "[{type: noise, kinds: [clatter], snr_db: [10, 10]}]"


@pytest.fixture
def spoken(call, data):
    """A data directory with audio files."""
    utts = ("a-1", "a-2")
    for utt in utts:
        write_sound(call.cwd / f"{utt}.wav", tone(4000, 500))
    return data(
        without=("utt2dur",),
        wav_DOT_scp="".join(f"{utt} {utt}.wav\n" for utt in utts),
        utt2spk="a-1 a\na-2 a\n",
        spk2utt="a a-1 a-2\n",
        text="a-1 ONE\na-2 TWO\n",
    )


@pytest.mark.slow
def test_a_noisy_copy_is_a_valid_data_directory(call, spoken):
    done = call("data/augment_data_dir.sh", "--augment", NOISE, "--seed", 3, "my data", "noisy")
    assert done.returncode == 0, done.stderr
    assert "wrote 2 augmented utterances of my data to noisy" in done.stdout
    assert "Successfully validated data-directory noisy" in done.stdout
    entry = (call.cwd / "noisy" / "wav.scp").read_text().splitlines()[0]
    assert entry == f"a-1 {call.cwd}/noisy/audio/a-1.wav"
    assert soundfile.info(entry.removeprefix("a-1 ")).frames == 4000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--augment", "[{type: nose}]"], "'augment[0].type' must be one of"),
        (["--augment", NOISE, "--sample-rate", "8"], "the sample rate must be between 1000 and"),
        (["--augment", NOISE, "--seed", "x"], "--seed"),
    ],
)
def test_wrong_options_are_named_and_nothing_is_written(call, spoken, options, message):
    done = call("data/augment_data_dir.sh", *options, "my data", "noisy")
    assert done.returncode == 1 and message in done.stderr
    assert "Traceback" not in done.stderr and not (call.cwd / "noisy").exists()


def test_without_a_list_the_usage_is_shown(call, spoken):
    done = call("data/augment_data_dir.sh", "my data", "noisy")
    assert done.returncode == 1 and "Usage:" in done.stdout
