"""Every rule of validate_data_dir.sh, violated once."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.validate import ValidateOptions, validate_data_dir

UTTS = ["a-1", "a-2", "b-1"]
GOOD = {
    "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
    "spk2utt": "a a-1 a-2\nb b-1\n",
    "text": "a-1 ONE\na-2\nb-1 TWO\n",
    "wav.scp": "a-1 x.wav\na-2 y.wav\nb-1 z.wav\n",
    "feats.scp": "a-1 x:1\na-2 x:2\nb-1 x:3\n",
}
SEGMENTED = {
    "wav.scp": "r1 x.wav\nr2 y.wav\n",
    "segments": "a-1 r1 0 1\na-2 r1 1 2.5\nb-1 r2 0 1\n",
    "reco2dur": "r1 5\nr2 5\n",
    "reco2file_and_channel": "r1 x A\nr2 y B\n",
}


def table(*values, names=UTTS):
    return "".join(f"{name} {value}\n" for name, value in zip(names, values))


def check(path, files, **options):
    """Write files (None: absent) and validate; return the messages."""
    for name, text in files.items():
        if text is not None:
            (path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    said = []
    validate_data_dir(path, ValidateOptions(**options), said.append)
    return said


@pytest.mark.parametrize(
    "files",
    [
        {},
        SEGMENTED,
        {**SEGMENTED, "segments": "a-1 r1 0 1\na-2 r1 1 -1\nb-1 r2 0 1\n"},
        {"utt2dur": table(1, 0.5, "1e-3"), "utt2num_frames": table(1, 2, 3)},
        {"vad.scp": table("x", "y", "z"), "utt2lang": table("en", "en", "en")},
        {
            "utt2uniq": table("u", "v", "w"),
            "utt2warp": table(0.9, 1, 1.4),
            "reco2dur": table(1, 2, 3),
        },
        {"cmvn.scp": table("x", "y", names="ab"), "spk2gender": table("m", "f", names="ab")},
        {"spk2warp": table(0.6, 1.4, names="ab"), "utt2spk": "a-1\ta\na-2  a \nb-1 b\n"},
        {"text": "a-1 #01 x<s>\na-2 x#0\nb-1 </s>x\n"},  # no symbols, but parts of words
        {"text": "a-1 caf\u00e9 \u0645\u200c\u062e\na-2 \U00010efd\nb-1 \ue000\ttab\n"},
    ],
)
def test_good_directories(tmp_path, files):
    assert check(tmp_path, {**GOOD, **files}) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"utt2spk": None}, "no such file utt2spk"),
        ({"spk2utt": ""}, "empty file spk2utt"),
        ({"utt2spk": "a-1\na-2 a\nb-1 b\n"}, "utt2spk has wrong format. (line 1: 'a-1')"),
        ({"utt2spk": "a-2 a\na-1 a\nb-1 b\n"}, "utt2spk is not sorted or has duplicates (line 2 "),
        ({"utt2spk": "a-1 a\na-1 a\nb-1 b\n"}, "(line 2 repeats 'a-1')"),
        ({"utt2spk": "a-1 a\na-2 a\nb-1 b"}, "utt2spk has invalid newline"),
        (
            {"utt2spk": "a-1 b\na-2 b\nb-1 a\n"},
            "make each speaker id a prefix of its utterance ids",
        ),
        ({"spk2utt": "a a-1 a-2\n"}, "spk2utt and utt2spk do not seem to match"),
        ({"spk2utt": "a a-2 a-1\nb b-1\n"}, "spk2utt and utt2spk do not seem to match"),
        ({"spk2utt": "b b-1\na a-1 a-2\n"}, "spk2utt is not sorted or has duplicates"),
        ({"text": None}, "text (if this is by design, specify --no-text)"),
        ({"text": ""}, "text' is empty or does not exist"),
        (
            {"text": "a-1 X\r\na-2 Y\nb-1 Z\n"},
            "line 1: the line for utterance a-1 contains CR (0x0D)",
        ),
        (
            {"text": "a-1 X\na-2 \u00a0\nb-1 Z\n"},
            "utterance a-2 contains disallowed Unicode whitespac",
        ),
        (
            {"text": "a-1 X\na-2 \u3000\nb-1 Z\n"},
            "utterance a-2 contains disallowed Unicode whitespac",
        ),
        (
            {"text": "a-1 \x07\na-2 \x1b\nb-1 Z\n"},
            "text contains 2 lines with non-printable character",
        ),
        ({"text": "a-1 caf\udce9\na-2 X\nb-1 Z\n"}, "utterance a-1 is not valid UTF-8"),
        ({"text": "a-1 X <s>\na-2 X\nb-1 Z\n"}, "utterance a-1 contains illegal symbol <s>"),
        ({"text": "a-1 X\na-2 #0 X\nb-1 Z\n"}, "utterance a-2 contains illegal symbol #0"),
        ({"text": "a-1 X\na-2 X\n"}, "utterance lists extracted from utt2spk and text differ"),
        ({"text": "a-1 X\na-2 X\nb-1 X"}, "text has invalid newline"),
        ({"text": "\na-1 X\na-2 X\nb-1 X\n"}, "utt2spk and text differ"),
        ({"wav.scp": None}, "wav.scp (if this is by design, specify --no-wav)"),
        ({"wav.scp": None, "segments": "x"}, "segments file exists but no wav.scp"),
        ({"wav.scp": "a-1 ~/x\na-2 y\nb-1 z\n"}, "Please do not use tilde (~) in your wav.scp."),
        ({"wav.scp": "a-1\na-2 y\nb-1 z\n"}, "wav.scp, line 1: 'a-1' names no audio"),
        (
            {"wav.scp": "a-1 x\na-2 y\n"},
            "utterance lists extracted from utt2spk and wav.scp differ",
        ),
        ({"feats.scp": None}, "feats.scp (if this is by design, specify --no-feats)"),
        ({"feats.scp": "a-1 x\na-2 y\n"}, "utt2spk and features differ"),
        ({"utt2dur": table(1, 0, 1)}, "Bad line utt2dur:2:a-2 0 "),
        ({"utt2dur": table(1, "x", 1)}, "Bad line utt2dur:2:a-2 x "),
        ({"utt2dur": table(1, 1)}, "utt2spk and utt2dur file differ"),
        ({"utt2num_frames": table(1, 2, 1.5)}, "Bad line utt2num_frames:3:b-1 1.5 "),
        ({"utt2num_frames": table(1, 0, 1)}, "Bad line utt2num_frames:2:a-2 0 "),
        ({"utt2warp": table(1, 1.5, 1)}, "Mal-formed utt2warp file"),
        ({"utt2lang": table("en", "en")}, "utt2spk and utt2lang file differ"),
        ({"cmvn.scp": "a x\n"}, "speaker lists extracted from spk2utt and cmvn.scp differ"),
        ({"spk2gender": table("m", "x", names="ab")}, "Mal-formed spk2gender file"),
        ({"spk2warp": table("1", "0.5", names="ab")}, "Mal-formed spk2warp file"),
        (
            {"reco2dur": table(1, 2)},
            "recording-ids extracted from wav.scp and reco2dur file differ",
        ),
        ({**SEGMENTED, "segments": "a-1 r1 0\n"}, "badly formatted segments file"),
        ({**SEGMENTED, "segments": "a-1 r1 1 1\n"}, "segments, line 1: 'a-1 r1 1 1'"),
        ({**SEGMENTED, "segments": "a-1 r1 -1 1\n"}, "segments, line 1: 'a-1 r1 -1 1'"),
        ({**SEGMENTED, "segments": "a-1 r1 0 1\n"}, "Utterance list differs between"),
        (
            {**SEGMENTED, "wav.scp": "r1 x\n"},
            "recording-ids extracted from segments and wav.scp di",
        ),
        ({**SEGMENTED, "reco2dur": "r1 0\nr2 1\n"}, "Bad line reco2dur:1:r1 0 "),
        ({**SEGMENTED, "reco2file_and_channel": "r1 x C\nr2 x A\n"}, "with channel A or B"),
    ],
)
def test_broken_rules(tmp_path, files, message):
    with pytest.raises(InputError) as error:
        check(tmp_path, {**GOOD, **files})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("files", "option"),
    [
        ({"text": "\x07"}, "no_text"),
        ({"text": "a-1 \x07\na-2 caf\udce9\nb-1 \x1c\n"}, "non_print"),
        ({"wav.scp": None}, "no_wav"),
        ({"feats.scp": None}, "no_feats"),
        ({"utt2spk": "a-1 b\na-2 b\nb-1 a\n", "spk2utt": "a b-1\nb a-1 a-2\n"}, "no_spk_sort"),
    ],
)
def test_an_option_excuses_a_broken_rule(tmp_path, files, option):
    with pytest.raises(InputError):
        check(tmp_path, {**GOOD, **files})
    assert check(tmp_path, {}, **{option: True}) == []


def test_a_difference_shows_both_ends_and_the_lengths(tmp_path):
    utts = [f"u{n:02d}" for n in range(20)]
    files = {
        "utt2spk": "".join(f"{u} u\n" for u in utts),
        "spk2utt": f"u {' '.join(utts)}\n",
        "text": "u00 X\nzz X\n",
    }
    with pytest.raises(InputError) as error:
        check(tmp_path, files)
    shown = str(error.value).split("\n")[1:]
    assert shown[:6] == [f"-u{n:02d}" for n in range(1, 7)]
    assert shown[6:-1] == ["...", *(f"-u{n}" for n in range(15, 20)), "+zz"]
    assert shown[-1] == "[Lengths are utt2spk=20 versus text=2]"


def test_warnings(tmp_path):
    one = {"utt2spk": "a-1 a\n", "spk2utt": "a a-1\n", "text": "a-1 X\n", "wav.scp": "a-1 x\n"}
    said = check(tmp_path, {**one, "reco2file_and_channel": "a-1 x 1\n"}, no_feats=True)
    assert "same speaker" in said[0] and "should be marked as A or B, not 1" in said[1]
