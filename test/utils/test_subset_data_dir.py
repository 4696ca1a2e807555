"""utils/subset_data_dir.sh: which utterances each option chooses."""

from pathlib import Path

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.subset import choose


def utts(call, target="sub"):
    return [line.split()[0] for line in (call.cwd / target / "utt2spk").read_text().splitlines()]


@pytest.mark.parametrize(
    ("option", "count", "expected"),
    [
        # 2 from each half of 3; of such a half, 1 from its first and 1 from its last two, the last
        ([], 4, "a-1 b-1 b-2 c-1"),
        ([], 1, "c-1"),
        ([], 6, "a-1 a-2 b-1 b-2 b-3 c-1"),
        (["--first"], 2, "a-1 a-2"),
        (["--last"], 2, "b-3 c-1"),
        (["--shortest"], 3, "a-1 b-1 b-3"),
        (["--per-spk"], 1, "a-1 b-1 c-1"),
        (["--per-spk"], 2, "a-1 a-2 b-1 b-2 c-1"),
        (["--speakers"], 3, "a-1 a-2 c-1"),  # three speakers are shuffled into the order c a b
        (["--speakers"], 1, "c-1"),
    ],
)
def test_choices(call, data, option, count, expected):
    data()
    done = call("subset_data_dir.sh", *option, "my data", count, "sub")
    assert done.returncode == 0, done.stderr
    assert utts(call) == expected.split()
    assert f"reducing #utt from 6 to {len(expected.split())}" in done.stdout


def test_the_utterances_of_each_speaker_are_spread_as_in_kaldi():
    """Every second of 7 utterances is chosen, but the first 3 of 5, which are too few for gaps."""
    pairs = [(b"%b-%d" % (speaker, n), speaker) for speaker in (b"a", b"b") for n in range(7)][:12]
    chosen = [utt for utt, _ in choose(Path(), pairs, 3, "per-spk")]
    assert chosen == [b"a-0", b"a-2", b"a-4", b"b-0", b"b-1", b"b-2"]


def test_all_files_follow(call, data):
    data(
        segments="a-1 r1 0 1\na-2 r1 1 2\nb-1 r2 0 1\nb-2 r2 1 2\nb-3 r2 2 3\nc-1 r3 0 1\n",
        wav_DOT_scp="r1 x\nr2 y\nr3 z\n",
        reco2dur="r1 5\nr2 5\nr3 5\n",
        spk2gender="a f\nb m\nc f\n",
        stm=";; LABEL\nr1 A a 0 1 ONE\nr2 A b 0 1 ONE\n",
        frame_shift="0.01\n",
    )
    data("sub", feats_DOT_scp="a-1 from an earlier run\n")
    assert call("subset_data_dir.sh", "--last", "my data", 4, "sub").returncode == 0
    assert data.read(call.cwd / "sub") == {
        "utt2spk": "b-1 b\nb-2 b\nb-3 b\nc-1 c\n",
        "spk2utt": "b b-1 b-2 b-3\nc c-1\n",
        "text": "b-1 ONE\nb-2 TWO\nb-3 ONE\nc-1 SIX\n",
        "utt2dur": "b-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n",
        "segments": "b-1 r2 0 1\nb-2 r2 1 2\nb-3 r2 2 3\nc-1 r3 0 1\n",
        "wav.scp": "r2 y\nr3 z\n",
        "reco2dur": "r2 5\nr3 5\n",
        "spk2gender": "b m\nc f\n",
        "stm": ";; LABEL\nr2 A b 0 1 ONE\n",
        "frame_shift": "0.01\n",
    }


def test_lists(call, data):
    data()
    (call.cwd / "my list").write_text("b x\nzz\nc\n")
    assert call("subset_data_dir.sh", "--spk-list", "my list", "my data", "sub").returncode == 0
    assert utts(call) == ["b-1", "b-2", "b-3", "c-1"]
    (call.cwd / "my list").write_text("c-1\na-2\n")
    assert call("subset_data_dir.sh", "--utt-list", "my list", "my data", "sub").returncode == 0
    assert utts(call) == ["a-2", "c-1"]


def test_shortest_prefers_frames_to_durations(call, data):
    data(utt2num_frames="a-1 9\na-2 1\nb-1 9\nb-2 9\nb-3 9\nc-1 2\n")
    assert call("subset_data_dir.sh", "--shortest", "my data", 2, "sub").returncode == 0
    assert utts(call) == ["a-2", "c-1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my data", "7", "sub"], "cannot subset to more utterances than you originally had."),
        (["my data", "0", "sub"], "cannot subset to 0 utterances"),
        (["my data", "x", "sub"], "<num-utt> must be a whole number, but is 'x'"),
        (["--foo", "my data", "2", "sub"], "unknown option --foo"),
        (["none", "2", "sub"], "no such file none/utt2spk"),
        (["my data", "2", "my data"], "to be different"),
        (["--utt-list", "blank", "my data", "sub"], "blank, line 2: is empty"),
        (["--utt-list", "none", "my data", "sub"], "no such file none"),
        (["--utt-list", "other", "my data", "sub"], "contains none of the ids listed in other"),
    ],
)
def test_errors_leave_nothing(call, data, arguments, message):
    data()
    (call.cwd / "blank").write_text("a-1\n\n")
    (call.cwd / "other").write_text("zz\n")
    done = call("subset_data_dir.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (call.cwd / "sub").exists()


def test_shortest_without_lengths(call, data):
    data(without=["utt2dur"])
    done = call("subset_data_dir.sh", "--shortest", "my data", 2, "sub")
    assert done.returncode == 1
    assert "but neither exists in my data" in done.stderr
    data(utt2dur="a-1 1\nb-1 1\nx-1 1\n")
    done = call("subset_data_dir.sh", "--shortest", "my data", 3, "sub")
    assert done.returncode == 1
    assert "my data/utt2dur: contains only 2 of 6 utterances" in done.stderr
    assert not (call.cwd / "sub").exists()


@pytest.mark.parametrize("length", ["x", "nan", "-1"])
def test_a_length_is_a_number(tmp_path, length):
    (tmp_path / "utt2dur").write_text(f"a-1 1\na-2 {length}\n")
    with pytest.raises(InputError, match=f"utt2dur: invalid length '{length}' of a-2"):
        choose(tmp_path, [(b"a-1", b"a")], 1, "shortest")


@pytest.mark.parametrize("arguments", [[], ["my data", "sub"], ["--utt-list"], ["--help"]])
def test_usage(call, arguments):
    done = call("subset_data_dir.sh", *arguments)
    assert done.returncode == 1 and done.stdout.startswith("Usage:")
