"""utils/data/get_utt2dur.sh: where durations come from."""

import numpy as np
import pytest
import soundfile

from moeasr.bin import get_reco2dur, get_utt2dur


def get(call, *arguments):
    return call("data/get_utt2dur.sh", *arguments, "my data")


def durations(call):
    return (call.cwd / "my data/utt2dur").read_text()


@pytest.fixture
def audio(call):
    """A wav.scp of three utterances: a path with a space, a pipe, a place in an archive."""
    noise = np.zeros(12000)
    for name, rate_hz in (("x y.wav", 16000), ("z.flac", 8000)):
        soundfile.write(call.cwd / name, noise, rate_hz)
    riff = (call.cwd / "x y.wav").read_bytes()
    (call.cwd / "my.ark").write_bytes(b"a-0 " + b"\0" * 9 + b"b-1 " + riff + b"c-1 RIFF")
    return "a-1 x y.wav\na-2 cat z.flac |\nb-1 my.ark:17\n"


THREE = {
    "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
    "spk2utt": "a a-1 a-2\nb b-1\n",
    "text": "a-1 X\na-2 X\nb-1 X\n",
}


@pytest.mark.parametrize("options", [[], ["--read-entire-file", "true", "--nj", "1", "--cmd", "x"]])
def test_from_audio(call, data, audio, options):
    data(wav_DOT_scp=audio, without=["utt2dur"], **THREE)
    done = get(call, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "getting durations from wave files" in done.stdout
    assert "computed my data/utt2dur" in done.stdout
    assert durations(call) == "a-1 0.75\na-2 1.5\nb-1 0.75\n"


def test_what_is_there_is_kept(call, data):
    data()
    done = get(call)
    assert done.returncode == 0
    assert "already exists with the expected length.  We won't recompute it." in done.stdout


def test_from_segments_even_if_there_is_audio(call, data):
    data(segments="a-1 r 0.5 2\na-2 r 2 3\nb-1 r 3 3.25\n", utt2dur="old 1\n", **THREE)
    assert get(call).returncode == 0
    assert durations(call) == "a-1 1.5\na-2 1\nb-1 0.25\n"


def test_from_frames(call, data):
    """Kaldi adds what the last window reaches beyond its shift: 1.5 frames."""
    frames = {"utt2num_frames": "a-1 100\na-2 1\nb-1 50\n"}
    data(frame_shift="0.02\n", without=["utt2dur", "wav.scp"], **frames, **THREE)
    assert get(call).returncode == 0
    assert durations(call) == "a-1 2.03\na-2 0.05\nb-1 1.03\n"
    (call.cwd / "my data/frame_shift").unlink()
    (call.cwd / "my data/utt2dur").unlink()
    assert get(call, "--frame-shift", "0.04").returncode == 0
    assert durations(call).startswith("a-1 4.06\n")


def test_from_frames_of_moeasr_by_their_settings(call, data):
    """Without snip_edges, windows reach beyond both ends: frames times shift is the length."""
    frames = {"utt2num_frames": "a-1 100\na-2 1\nb-1 50\n"}
    path = data(frame_shift="0.02\n", without=["utt2dur", "wav.scp"], **frames, **THREE)
    (path / "conf").mkdir()
    for snip_edges, expected in (("false", "a-1 2\na-2 0.02\nb-1 1\n"), ("true", "a-1 2.01\n")):
        settings = f"frame_shift_ms: 20\nframe_length_ms: 30\nsnip_edges: {snip_edges}\n"
        (path / "conf" / "fbank.yaml").write_text(settings)
        (path / "utt2dur").unlink(missing_ok=True)
        assert get(call).returncode == 0
        assert durations(call).startswith(expected)


@pytest.mark.slow
def test_headers_are_trusted_unless_all_is_to_be_read(call, data, tmp_path):
    """The header of a truncated file gives the full length; output of a command is always read."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "whole.flac", noise, 8000)
    cut = tmp_path / "cut.flac"
    cut.write_bytes((tmp_path / "whole.flac").read_bytes()[:6000])
    utts = {
        "a-1": tmp_path / "whole.flac",
        "a-2": cut,
        "b-1": f"flac -c -d -s {cut} |",
        "b-2": f"head -c 9999 {cut} |",
        "b-3": f"cat {tmp_path}/whole.flac |",
        "c-1": tmp_path / "whole.flac",
    }
    path = data(
        wav_DOT_scp="".join(f"{utt} {entry}\n" for utt, entry in utts.items()), without=["utt2dur"]
    )
    for options, unread in (([], "b-2"), (["--read-entire-file"], "a-2 b-1 b-2")):
        expected = "".join(f"{utt} 1\n" for utt in utts if utt not in unread.split())
        get_reco2dur.main([*options, str(path)])  # utt2dur is no source while it is missing
        get_utt2dur.main([*options, str(path)])
        for name in ("reco2dur", "utt2dur"):
            assert (path / name).read_text() == expected
            (path / name).unlink()


def test_unreadable_audio_is_named_and_tolerated_up_to_a_half(call, data, audio):
    data(wav_DOT_scp=audio.replace("x y.wav", "gone.wav"), without=["utt2dur"], **THREE)
    done = get(call)
    assert done.returncode == 0
    assert "warning: no duration for a-1: gone.wav: cannot be opened" in done.stdout
    assert durations(call) == "a-2 1.5\nb-1 0.75\n"
    (call.cwd / "my data/utt2dur").unlink()
    table = "a-1 gone.wav\na-2 false |\nb-1 my.ark:17\n"
    data(wav_DOT_scp=table, without=["utt2dur"], **THREE)
    done = get(call)
    assert done.returncode == 1 and "utt2dur: less than half of the durations" in done.stderr
    assert "command `false` failed with status 1" in done.stdout
    assert not (call.cwd / "my data/utt2dur").exists()


def test_errors(call, data):
    data(without=["utt2dur", "wav.scp"])
    assert "Expected my data/wav.scp, my data/segments or" in get(call).stderr
    data(segments="a-1 r x\n", without=["utt2dur"])
    assert "my data/segments, line 1: bad segment 'a-1 r x'" in get(call).stderr
    data(segments="a-1 r 0.5 -1\n", without=["utt2dur"])
    assert "the length of segment 'a-1 r 0.5 -1' is unknown" in get(call).stderr
    done = call("data/get_utt2dur.sh")
    assert done.returncode == 1 and done.stdout.startswith("Usage: ")
