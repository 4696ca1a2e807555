"""The harder test sets that the mini recipe creates from its test recordings."""

import numpy as np
import pytest
import soundfile
from made_up import read_table

from moeasr.errors import InputError
from moeasr.text.transcript import read_transcripts

WORDS = {"a-0": "ONE", "b-0": "TWO TWO", "c-0": "THREE", "d-0": ""}
LEVELS = dict(zip(WORDS, (0.1, 0.2, 0.3, 0.4)))
"""Each recording is 0.1 s of one constant value, which identifies it."""


@pytest.fixture
def test_dir(tmp_path):
    """Create a test set of four recordings."""
    path = tmp_path / "test"
    path.mkdir()
    for utt, level in LEVELS.items():
        soundfile.write(path / f"{utt}.wav", np.full(1600, level), 16000)
    (path / "wav.scp").write_text("".join(f"{utt} {path}/{utt}.wav\n" for utt in WORDS))
    (path / "text").write_text(
        "".join(f"{utt} {text}\n".rstrip(" ") for utt, text in WORDS.items())
    )
    return path


@pytest.fixture
def make(local_module, tmp_path, test_dir):
    """Create the sets; return the texts and the samples of the utterances of one of them."""

    def run(name):
        where = ["--test-dir", str(test_dir), "--audio-dir", str(tmp_path / "audio")]
        local_module("mini", "make_probes").main([*where, "--out-dir", str(tmp_path / "data")])
        wav = read_table(tmp_path / "data" / name / "wav.scp")
        samples = {utt: soundfile.read(path) for utt, path in wav.items()}
        assert {rate_hz for _, rate_hz in samples.values()} == {16000}
        texts = read_transcripts(tmp_path / "data" / name / "text")
        return texts, {utt: wave for utt, (wave, _) in samples.items()}

    return run


def level_db(wave):
    return 10 * np.log10(np.mean(np.square(wave)))


def spoken(wave):
    """Return the recordings of which a wave consists, in order."""
    names = {level: utt for utt, level in LEVELS.items()}
    pieces = wave.reshape(-1, 1600)
    assert np.ptp(pieces, axis=1).max() == 0
    return [names[round(float(piece[0]), 3)] for piece in pieces]


def test_late_recordings_start_after_two_seconds_of_quiet_noise(make):
    texts, waves = make("test_late")
    assert texts == {f"{utt}-late": text for utt, text in WORDS.items()}
    for utt in WORDS:
        noise, speech = np.split(waves[f"{utt}-late"], [32000])
        assert -65.1 < level_db(noise) < -44.9
        assert spoken(speech) == [utt]


def test_joined_recordings_come_from_both_halves_of_the_set(make):
    texts, waves = make("test_joined")
    assert texts == {"a-0-joined": "ONE THREE", "b-0-joined": "TWO TWO"}
    assert spoken(waves["a-0-joined"]) == ["a-0", "c-0"]
    assert spoken(waves["b-0-joined"]) == ["b-0", "d-0"]


def test_the_text_of_the_long_recording_has_the_order_of_its_parts(make):
    texts, waves = make("test_long")
    order = spoken(waves["all-0"])
    assert sorted(order) == sorted(WORDS) != order
    assert texts == {"all-0": " ".join(WORDS[utt] for utt in order if WORDS[utt])}


def test_noise_has_the_level_and_the_spectrum_of_its_name(make):
    """White noise has a flat spectrum. Pink noise has 3 dB less per octave, brown noise 6 dB."""
    texts, waves = make("test_no_speech")
    assert set(texts.values()) == {""} and {len(wave) for wave in waves.values()} == {80000}
    assert not np.any(waves.pop("noise-silence"))
    assert len(waves) == 12
    for kind, slope_db in (("white", 0.0), ("pink", -3.01), ("brown", -6.02)):
        for level in (-60, -45, -30):
            assert level_db(waves[f"noise-{kind}{level}dB"]) == pytest.approx(level, abs=0.1)
        power = np.abs(np.fft.rfft(waves[f"noise-{kind}-30dB"])) ** 2
        octaves = [power[1 << k : 2 << k].mean() for k in range(8, 13)]
        assert 10 * np.diff(np.log10(octaves)) == pytest.approx(slope_db, abs=0.9)
    hum = np.abs(np.fft.rfft(waves["noise-hum-30dB"]))
    assert set(np.argsort(hum)[-7:] / 5) == {
        50,
        100,
        150,
        200,
        250,
        300,
        350,
    }  # 5 s give bins of 0.2 Hz


@pytest.mark.parametrize(
    ("rate_hz", "message"), [(None, "there is no file"), (8000, "must have 16000 Hz, but has 8000")]
)
def test_missing_recordings_and_other_sample_rates_are_refused(make, test_dir, rate_hz, message):
    (test_dir / "b-0.wav").unlink()
    if rate_hz:
        soundfile.write(test_dir / "b-0.wav", np.zeros(800), rate_hz)
    with pytest.raises(InputError, match=message):
        make("test_late")
