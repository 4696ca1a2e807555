"""utils/validate_data_dir.sh as a command; its rules are tested in test/data/kaldi."""

import subprocess

import numpy as np
import pytest
import soundfile

from moeasr.bin.validate_data_dir import main


def validate(call, *arguments, **settings):
    return call("validate_data_dir.sh", *arguments, **settings)


def test_a_good_directory_is_called_so(call, data, utils):
    data()
    done = validate(call, "--no-feats", "my data")
    assert (done.returncode, done.stderr) == (0, "")
    script = utils / "validate_data_dir.sh"
    assert done.stdout == f"{script}: Successfully validated data-directory my data\n"


def test_it_works_through_links_from_a_recipe_and_under_its_second_name(call, data, utils):
    data()
    (call.cwd / "utils").symlink_to(utils)
    for name in ("utils/validate_data_dir.sh", "utils/data/validate_data_dir.sh"):
        done = subprocess.run(
            [name, "--no-feats", "my data"], cwd=call.cwd, capture_output=True, text=True
        )
        assert done.stdout == f"{name}: Successfully validated data-directory my data\n"


def test_a_malformed_utt2spk_exits_1(call, data):
    """Kaldi's script prints the error and exits 0."""
    data(utt2spk="a-1 a\na-2 a b\n")
    done = validate(call, "--no-feats", "my data")
    assert (done.returncode, done.stdout) == (1, "")
    assert "my data/utt2spk has wrong format. (line 2: 'a-2 a b')" in done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "no_SUCH.UTF-8", "de_DE.ISO-8859-1"])
def test_text_in_any_script_is_valid_under_any_locale(call, data, locale):
    """Persian with a zero-width non-joiner, Devanagari with a joiner, Thai, Chinese, emoji."""
    words = "\u0645\u06cc\u200c\u062e \u0915\u094d\u200d\u0937 \u0e2a\u0e27 \u4f60\u597d \U0001f600"
    data(text=f"a-1 {words}\na-2 {words}\nb-1 x\nb-2 x\nb-3 x\nc-1 x\n")
    done = validate(call, "--no-feats", "my data", env={"LC_ALL": locale, "PYTHONUTF8": "0"})
    # bash itself warns of a locale that is not installed
    complaints = [x for x in done.stderr.splitlines() if "setlocale" not in x]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize(
    ("missing", "option"),
    [("feats.scp", "--no-feats"), ("text", "--no-text"), ("wav.scp", "--no-wav")],
)
def test_an_option_excuses_a_missing_file(call, data, missing, option):
    data(feats_DOT_scp="".join(f"{u} x:1\n" for u in ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]))
    (call.cwd / "my data" / missing).unlink()
    done = validate(call, "my data")
    assert done.returncode == 1 and f"no such file my data/{missing}" in done.stderr
    assert f"specify {option}" in done.stderr
    assert validate(call, option, "my data").returncode == 0


@pytest.mark.parametrize("arguments", [[], ["a", "b"], [""], ["--no-such", "a"]])
def test_wrong_use_shows_the_usage_and_exits_1(call, arguments):
    done = validate(call, *arguments)
    assert done.returncode == 1 and done.stdout.startswith("Usage: ")


def test_one_speaker_is_only_worth_a_warning(call, data):
    data(utt2spk="a-1 a\n", spk2utt="a a-1\n", text="a-1 X\n", without=["utt2dur"])
    (call.cwd / "my data/wav.scp").write_text("a-1 x.wav\n")
    done = validate(call, "--no-feats", "my data")
    assert done.returncode == 0 and "WARNING: all utterances have the same speaker" in done.stdout


def test_units_and_sample_rate_of_audio_may_be_named(call, data, tmp_path):
    """16 frames of features are 4 frames of CTC, which suffice for one word."""
    soundfile.write(tmp_path / "a.wav", np.zeros(2560), 16000)
    utts = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]
    data(
        wav_DOT_scp="".join(f"{utt} {tmp_path}/a.wav\n" for utt in utts),
        text="".join(f"{utt} SEVEN\n" for utt in utts),
    )
    check = ["--no-feats", "--check-audio", str(call.cwd / "my data")]
    with pytest.raises(SystemExit, match="CTC needs 5 frames"):
        main(check)
    main([*check, "--text-units", "word"])
    with pytest.raises(SystemExit, match="its sample rate is 16000 Hz, not 8000 Hz"):
        main([*check, "--text-units", "word", "--sample-rate", "8000"])
