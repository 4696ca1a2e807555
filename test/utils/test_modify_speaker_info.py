"""modify_speaker_info.sh; what is expected is what Kaldi's script makes."""

import pytest


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
    """The durations are computed if they are missing."""
    frames = "a-1 9\na-2 23\nb-1 8\nb-2 17\nb-3 4\nc-1 38\n"
    path = data(without=["utt2dur"], frame_shift="0.1\n", utt2num_frames=frames)
    assert utt2spk(call, "--seconds-per-spk-max", 2.9) == "a-1 a-2 b-1 b-1 b-2 c-1"
    assert (path / "utt2dur").read_text().startswith("a-1 1.05\na-2 2.45\nb-1 0.95\n")


def test_speakers_regardless_of_the_old_ones(call, data):
    data()
    options = ["--utts-per-spk-max", 4, "--respect-speaker-info", "false"]
    assert utt2spk(call, *options) == " ".join(["speaker-1"] * 4 + ["speaker-2"] * 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my data", "new"], "options --utts-per-spk-max and --seconds-per-spk-max"),
        (["--utts-per-spk-max", "2", "my data", "my data"], "to be different"),
        (["--utts-per-spk-max", "2", "none", "new"], "no such file none/utt2spk"),
        (["--seconds-per-spk-max", "2", "short", "new"], "utterance a-2 is not in short/utt2dur"),
    ],
)
def test_errors_make_nothing(call, data, arguments, message):
    data()
    data("short", utt2dur="a-1 1\nx-1 1\nx-2 1\nx-3 1\nx-4 1\nx-5 1\n")
    done = call("data/modify_speaker_info.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (call.cwd / "new").exists()
