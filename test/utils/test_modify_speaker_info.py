"""modify_speaker_info.sh and remove_dup_utts.sh; what is expected is what Kaldi's scripts make."""

import pytest

from moeasr.kaldi.duplicates import limit_repetitions
from moeasr.kaldi.speakers import SpeakerLimits, divide_speakers, group_utts


def utt2spk(call, *arguments):
    done = call("data/modify_speaker_info.sh", *arguments, "my data", "new")
    assert done.returncode == 0, done.stderr
    lines = (call.cwd / "new/utt2spk").read_text().splitlines()
    return " ".join(line.split()[1] for line in lines)


def test_speakers_of_few_utterances(call, data):
    path = data(utt2lang="a-1 x\na-2 x\nb-1 x\nb-2 x\nb-3 x\nc-1 x\n", spk2gender="a f\nb m\nc f\n")
    data("new", cmvn_DOT_scp="old\n")
    before = data.read(path)
    assert utt2spk(call, "--utts-per-spk-max", 2) == "a-1 a-1 b-1 b-1 b-2 c-1"
    files = data.read(call.cwd / "new")
    assert {"cmvn.scp", "spk2gender"}.isdisjoint(files)  # of speakers that are no more
    assert files["spk2utt"].splitlines()[1] == "b-1 b-1 b-2"
    for name in ("text", "wav.scp", "utt2lang", "utt2dur"):
        assert files[name] == before[name]
    assert data.read(path) == before


def test_speakers_of_little_time(call, data):
    """The durations are made if they are missing."""
    frames = "a-1 9\na-2 23\nb-1 8\nb-2 17\nb-3 4\nc-1 38\n"
    path = data(without=["utt2dur"], frame_shift="0.1\n", utt2num_frames=frames)
    assert utt2spk(call, "--seconds-per-spk-max", 2.9) == "a-1 a-2 b-1 b-1 b-2 c-1"
    assert (path / "utt2dur").read_text().startswith("a-1 1.05\na-2 2.45\nb-1 0.95\n")


@pytest.mark.parametrize(
    ("durations_sec", "sizes"), [([1.0] * 5, [2, 2, 1]), ([5.0, 1.0, 1.0, 1.0], [1, 2, 1])]
)
def test_each_new_speaker_has_two_seconds_or_one_longer_utterance(durations_sec, sizes):
    durations_sec = {b"u%d" % n: sec for n, sec in enumerate(durations_sec)}
    groups = list(group_utts(list(durations_sec), SpeakerLimits(max_sec=2.0), durations_sec))
    assert [len(group) for group in groups] == sizes
    assert [utt for group in groups for utt in group] == list(durations_sec)


def test_speakers_regardless_of_the_old_ones(call, data):
    data()
    options = ["--utts-per-spk-max", 4, "--respect-speaker-info", "false"]
    assert utt2spk(call, *options) == " ".join(["speaker-1"] * 4 + ["speaker-2"] * 2)


def test_speakers_regardless_of_the_old_ones_go_by_the_order_of_utterances():
    pairs = [(b"b", b"x"), (b"a", b"y"), (b"d", b"x"), (b"c", b"y")]
    new = divide_speakers(pairs, SpeakerLimits(max_utts=2), {}, respect=False)
    assert new == [
        (b"a", b"speaker-1"),
        (b"b", b"speaker-1"),
        (b"c", b"speaker-2"),
        (b"d", b"speaker-2"),
    ]


def test_numbers_are_as_wide_as_the_last(call):
    pairs = [(b"u%02d" % n, b"s") for n in range(12)]
    new = divide_speakers(pairs, SpeakerLimits(max_utts=1), {}, respect=True)
    assert [speaker for _, speaker in new][8:10] == [b"s-09", b"s-10"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my data", "new"], "one or both of the --utts-per-spk-max or --seconds-per-spk-max"),
        (["--utts-per-spk-max", "2", "my data", "my data"], "to be different"),
        (["--utts-per-spk-max", "2", "none", "new"], "no such file none/utt2spk"),
        (["--seconds-per-spk-max", "2", "short", "new"], "utterance a-2 not in utt2dur file"),
    ],
)
def test_errors_make_nothing(call, data, arguments, message):
    data()
    data("short", utt2dur="a-1 1\nx-1 1\nx-2 1\nx-3 1\nx-4 1\nx-5 1\n")
    done = call("data/modify_speaker_info.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (call.cwd / "new").exists()


def test_repetitions_are_limited_as_in_kaldi():
    """Of 5, 20 and 3 equal transcriptions Kaldi's script keeps these."""
    lines = [b"t%d OH" % n for n in range(5)]
    lines += [b"u%02d UH%s HUH" % (n, b" " * (n % 3)) for n in range(20)] + [
        b"v%d UH" % n for n in range(3)
    ]
    kept = [line.split()[0].decode() for line in limit_repetitions(lines, 5)]
    assert " ".join(kept) == "t0 t1 t2 t3 t4 u01 u03 u10 u12 u14 v0 v1 v2"


def test_remove_dup_utts(call, data):
    data(text="".join(f"{u} X\n" for u in ("a-1", "a-2", "b-1", "b-2", "b-3", "c-1")))
    done = call("data/remove_dup_utts.sh", 2, "my data", "new")
    assert done.returncode == 0, done.stderr
    num_kept = (call.cwd / "new/text").read_text().count("\n")
    assert f"Reduced number of utterances from 6 to {num_kept}\n" in done.stdout
    assert 1 <= num_kept < 6
    assert (call.cwd / "new/utt2dur").read_text().count("\n") == num_kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1", "my data", "new"], "invalid max-count '1'"),
        (["x", "my data", "new"], "invalid max-count 'x'"),
        (["2", "none", "new"], "Invalid input directory none"),
        (["2", "my data", "my data"], "to be different"),
    ],
)
def test_errors_of_remove_dup_utts(call, data, arguments, message):
    data()
    done = call("data/remove_dup_utts.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (call.cwd / "new").exists()
