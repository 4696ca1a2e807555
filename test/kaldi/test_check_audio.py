"""--check-audio: every unusable utterance is listed with its reason."""

import re

import numpy as np
import pytest
import soundfile

from moeasr.errors import InputError
from moeasr.kaldi.check_audio import audio_faults, check_audio, min_ctc_frames


@pytest.mark.parametrize(
    ("text", "frames"), [("", 0), ("A", 1), ("ABA", 3), ("AA", 3), ("ALL  SEE", 8 + 3)]
)
def test_frames_that_ctc_needs(text, frames):
    """CTC needs one frame per character and one blank between two equal neighbours."""
    assert min_ctc_frames(text) == frames


@pytest.fixture
def make(tmp_path):
    """Write a data directory: utt -> (wav.scp entry, text); audio is noise."""

    def wave(name, num_samples, rate_hz=16000):
        path = tmp_path / name
        soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, num_samples), rate_hz)
        return path

    def write(utts, **files):
        tables = {
            "wav.scp": [f"{u} {entry}" for u, (entry, _) in utts.items()],
            "utt2spk": [f"{u} {u}" for u in utts],
            "text": [f"{u} {text}" for u, (_, text) in utts.items()],
            **files,
        }
        for name, lines in tables.items():
            (tmp_path / name).write_text("".join(line + "\n" for line in lines))
        return tmp_path

    write.wave = wave
    return write


def test_decoders_pipes_are_files(make, tmp_path, monkeypatch):
    """The header and the last samples suffice: no file is decoded whole, no program started."""
    make.wave("good.flac", 16000)
    cut = make.wave("cut.flac", 32000)
    cut.write_bytes(cut.read_bytes()[:20000])
    utts = {
        "a": (f"flac -c -d -s {tmp_path}/good.flac |", "FINE"),
        "b": (f"flac -c -d -s {tmp_path}/cut.flac |", "FINE"),
        "c": (f"sph2pipe -f wav -c 2 {tmp_path}/good.flac |", "FINE"),
        "d": (f"flac -c -d -s {tmp_path}/none.flac |", "FINE"),
    }
    data = make(utts)

    def refuse(*args, **kwargs):
        raise AssertionError(f"started {args}")

    monkeypatch.setattr("subprocess.run", refuse)
    monkeypatch.setattr("shutil.which", lambda name: None)
    faults = audio_faults(data).bad
    assert list(faults) == ["b", "c", "d"]
    assert "cut.flac" in faults["b"]
    assert "has no channel 2, only 1" in faults["c"]
    assert "none.flac does not exist" in faults["d"]


def test_each_fault_is_named(make, tmp_path):
    """0.16 s are 16 frames of features, 4 of CTC: enough for ABCD, not for ABCC."""
    good, short = make.wave("go od.wav", 16000), make.wave("short.wav", 2560)
    cut = make.wave("cut.flac", 32000)
    cut.write_bytes(cut.read_bytes()[:20000])
    cut_wav = make.wave("cut.wav", 16000)
    cut_wav.write_bytes(cut_wav.read_bytes()[:16000])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "foreign.wav").write_text("hello")
    utts = {
        "a-good": (good, "FINE"),
        "b-fits": (short, "ABCD"),
        "c-long": (short, "ABCC"),
        "d-gone": (tmp_path / "gone.wav", "X"),
        "e-empty": (tmp_path / "empty.wav", "X"),
        "f-cut": (cut, "X"),
        "g-cut": (cut_wav, "X"),
        "h-rate": (make.wave("r.wav", 8000, 8000), "X"),
        "i-none": (make.wave("none.wav", 0), "X"),
        "j-foreign": (tmp_path / "foreign.wav", "X"),
        "k-pipe": (f"cat '{good}' |", "PIPE"),
        "l-pipe": ("false |", "PIPE"),
    }
    bad, tight, *_ = audio_faults(make(utts))
    assert list(bad) == [u for u in utts if u not in ("a-good", "b-fits", "c-long", "k-pipe")]
    assert tight == {"c-long": "CTC needs 5 frames for its text, but its audio gives only 4"}
    assert bad["h-rate"] == "its sample rate is 8000 Hz, not 16000 Hz"
    for utt, name in (("d-gone", "gone"), ("e-empty", "empty"), ("f-cut", "cut"), ("g-cut", "cut")):
        assert name in bad[utt]
    with pytest.raises(InputError) as error:
        check_audio(tmp_path, print)
    assert str(error.value).startswith("8 of 12 utterances have bad audio:\nutterance d-gone: ")


@pytest.mark.parametrize("num_tight", (0, 3, 4))
def test_few_may_be_too_short_for_their_text(make, tmp_path, num_tight):
    """Training leaves them out; up to 3 of 30 such utterances give only a warning."""
    audio = make.wave("a.wav", 2240)  # 3 frames of CTC
    make({f"u{n:02d}": (audio, "FOUR" if n < num_tight else "ONE") for n in range(30)})
    said = []
    if num_tight > 3:
        with pytest.raises(InputError, match="^4 of 30 utterances are too short .*\nutterance u00"):
            check_audio(tmp_path, said.append)
    else:
        audio = check_audio(tmp_path, said.append)
        assert (audio.sample_rate_hz, round(audio.audio_sec, 2)) == (16000, 30 * 0.14)
        listed = tmp_path / "too_short.txt"
        assert [f"training leaves them out; {listed} lists them" in line for line in said] == (
            [True] * (num_tight > 0)
        )
        assert num_tight == 0 or len(listed.read_text().splitlines()) == num_tight


def test_audio_without_a_frame_is_too_short_for_any_text(make):
    data = make({"u": (make.wave("u.wav", 320), "A"), "v": (make.wave("v.wav", 320), "")})
    assert audio_faults(data).tight == {"u": "its audio is too short for any text"}


def test_of_many_bad_utterances_some_are_shown_and_all_are_in_a_file(make, tmp_path):
    make({f"u{n:02d}": (tmp_path / "gone.wav", "X") for n in range(30)})
    with pytest.raises(InputError) as error:
        check_audio(tmp_path, print)
    lines = str(error.value).splitlines()
    assert len(lines) == 22 and lines[-1] == f"... {tmp_path}/bad_audio.txt lists all 30"
    assert len((tmp_path / "bad_audio.txt").read_text().splitlines()) == 30


def test_the_rate_may_be_demanded_and_frames_given(make, tmp_path):
    """Features with a longer shift leave fewer frames than the audio suggests."""
    audio = make.wave("a.wav", 16000)
    make({"a": (audio, "ABCD")})
    check_audio(tmp_path, print)
    check_audio(tmp_path, print, 16000)
    with pytest.raises(InputError, match="its sample rate is 16000 Hz, not 8000 Hz"):
        check_audio(tmp_path, print, 8000)
    make({"a": (audio, "ABCD")}, utt2num_frames=["a 15"])
    with pytest.raises(InputError, match="needs 4 frames for its text, but its audio gives only 3"):
        check_audio(tmp_path, print)


def test_words_need_fewer_frames_than_characters(make, tmp_path):
    """0.14 s are 3 frames of CTC: room for three words, or one twice, however they are spelt."""
    audio = make.wave("a.wav", 2240)
    for text, num_missing in (("SIX", 0), ("SIX TWO TEN", 0), ("SIX SIX", 0), ("TWO TWO SIX", 1)):
        data = make({"a": (audio, text)})
        assert len(audio_faults(data, text_units="word").tight) == num_missing, text
    with pytest.raises(InputError, match="needs 4 frames for its text, but its audio gives only 3"):
        check_audio(tmp_path, print, text_units="word")
    make({"a": (audio, "THREE")})
    check_audio(tmp_path, print, text_units="word")
    check_audio(tmp_path, print, text_units="bpe")
    with pytest.raises(InputError, match="CTC needs 6 frames"):
        check_audio(tmp_path, print)


def test_the_rate_of_most_recordings_is_expected(make):
    utts = {f"{utt}-{rate}": rate for utt, rate in zip("abcde", (48000, 16000, 8000, 16000, 8001))}
    data = make({u: (make.wave(f"{u}.wav", rate, rate), "ONE") for u, rate in utts.items()})
    assert list(audio_faults(data).bad) == ["a-48000", "c-8000", "e-8001"]


def test_the_text_of_a_segment_must_fit_into_the_segment(make):
    """0.16 s of a second are 4 frames of CTC."""
    data = make({"u": ("", "ABCD"), "v": ("", "ABCC")}, segments=["u r 0.1 0.26", "v r 0.5 0.66"])
    (data / "wav.scp").write_text(f"r {make.wave('r.wav', 16000)}\n")
    assert audio_faults(data)[:2] == (
        {},
        {"v": "CTC needs 5 frames for its text, but its audio gives only 4"},
    )


def test_a_segment_may_end_with_its_recording(make):
    """An end of -1, as in Kaldi: 0.16 s of the recording are left after 0.84 s."""
    data = make({"u": ("", "ABCD"), "v": ("", "ABCC")}, segments=["u r 0.84 -1", "v r 0.84 -1"])
    (data / "wav.scp").write_text(f"r {make.wave('r.wav', 16000)}\n")
    assert audio_faults(data)[:2] == (
        {},
        {"v": "CTC needs 5 frames for its text, but its audio gives only 4"},
    )


def test_segments_must_lie_within_their_recordings(make):
    """Half a second beyond the end is tolerated, as in Kaldi."""
    segments = ["u r 0.1 0.5", "v r 0.9 1.4", "w r 0.9 1.6", "x r 1 1.2"]
    data = make({"u": ("", "A"), "v": ("", "A"), "w": ("", "A"), "x": ("", "A")}, segments=segments)
    (data / "wav.scp").write_text(f"r {make.wave('r.wav', 16000)}\n")
    faults = audio_faults(data).bad
    assert list(faults) == ["w", "x"]
    assert re.fullmatch(r"the segment ends at 1.6 s, but .*r\.wav is only 1.00 s long", faults["w"])


def test_there_must_be_audio(tmp_path):
    with pytest.raises(InputError, match="wav.scp"):
        check_audio(tmp_path, print)
