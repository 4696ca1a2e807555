"""Tables of durations and frame counts."""

from moeasr.audio.duration import AudioLength
from moeasr.data.length_tables import length_tables
from moeasr.features.fbank_config import FbankConfig


def test_tables_have_seconds_and_frames_of_all_that_have_a_frame() -> None:
    """Frames have 10 ms at 16 kHz, independently of the rate of the samples."""
    lengths = [
        *(AudioLength("a", 16000, 16000), AudioLength("b", 11025, 11025)),
        *(AudioLength("c", 12345, 16000), AudioLength("d", 22050, 11025)),
        *(AudioLength("short", 10, 16000), AudioLength("gone", fault="it is gone")),
    ]
    said: list[str] = []
    tables, reasons = length_tables(lengths, FbankConfig(), said.append)
    assert tables["utt2dur"] == [b"a 1.0", b"b 1.0", b"c 0.7716", b"d 2.0"]
    assert tables["utt2num_frames"] == [b"a 100", b"b 100", b"c 77", b"d 200"]
    assert reasons == {"short": "10 samples are too few for one frame", "gone": "it is gone"}
    assert said == ["2 utterances are resampled from 11025 Hz to 16000 Hz"]


def test_utterances_of_no_whole_frame_are_left_out() -> None:
    """Half a shift of 10 ms suffices for a frame: 80 samples at 16 kHz, or 40 at 8 kHz."""
    said: list[str] = []
    lengths = [AudioLength(f"u{n}", n, 8000 if n < 50 else 16000) for n in (39, 40, 79, 80)]
    lengths.append(AudioLength("x", fault="gone"))
    tables, reasons = length_tables(lengths, FbankConfig(), said.append)
    assert tables == {
        "utt2dur": [b"u40 0.005", b"u80 0.005"],
        "utt2num_frames": [b"u40 1", b"u80 1"],
    }
    assert reasons == {
        "u39": "39 samples are too few for one frame",
        "u79": "79 samples are too few for one frame",
        "x": "gone",
    }
    assert said == ["1 utterance is resampled from 8000 Hz to 16000 Hz"]


def test_headers_that_overshoot_are_counted() -> None:
    said: list[str] = []
    lengths = [AudioLength("a", 16000, 16000, "", True), AudioLength("b", 16000, 16000)]
    tables, _ = length_tables(lengths, FbankConfig(), said.append)
    assert tables["utt2dur"] == [b"a 1.0", b"b 1.0"]
    assert said[0].startswith("warning: the headers of 1 utterance announce more samples")
