"""utils/fix_data_dir.sh: order, consistency, and the backup of the original files."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.fix import fix_data_dir


def fix(call, *arguments):
    return call("fix_data_dir.sh", *arguments, "my data")


def test_a_good_directory_is_left_as_it_is(call, data):
    path = data()
    before = data.read(path)
    times = {name: (path / name).stat().st_mtime_ns for name in before}
    done = fix(call)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "fix_data_dir.sh: kept all 6 utterances.\n"
        "fix_data_dir.sh: old files are kept in my data/.backup\n"
    )
    assert data.read(path) == before
    # a new date would make split_data.sh and its like work again
    assert {name: (path / name).stat().st_mtime_ns for name in before} == times


def test_disorder_and_inconsistency_are_repaired(call, data):
    """a-2 has no text, b-2 no duration, and text and wav.scp are out of order."""
    path = data(
        text="c-1 SIX\na-1 ONE\na-1 AGAIN\nb-1 ONE\n\nb-2 TWO\nb-3 ONE\nzz ZZ\n",
        utt2dur="a-1 1\na-2 2.5\nb-1 0.9\nb-2 0\nb-3 0.5\nc-1 4\n",
        spk2gender="a f\nb m\nc f\nd m\n",
        utt2extra="a-1 x\nb-2 y\n",
        spk2extra="a x\nd y\n",
    )
    before = data.read(path)
    done = fix(call, "--utt-extra-files", "utt2extra", "--spk-extra-files", "spk2extra none")
    assert done.returncode == 0, done.stderr
    assert "file my data/text is not in sorted order or not unique, sorting it" in done.stdout
    assert "fix_data_dir.sh: kept 4 utterances out of 6\n" in done.stdout
    after = data.read(path)
    assert after["utt2spk"] == "a-1 a\nb-1 b\nb-3 b\nc-1 c\n"
    assert after["spk2utt"] == "a a-1\nb b-1 b-3\nc c-1\n"
    assert after["text"] == "a-1 ONE\nb-1 ONE\nb-3 ONE\nc-1 SIX\n"
    assert after["wav.scp"] == (
        "a-1 /x y/a-1.wav\nb-1 /x/all.ark:5\nb-3 /x/b-3.wav\nc-1 /x/c-1.wav\n"
    )
    assert after["spk2gender"] == "a f\nb m\nc f\n"
    assert (after["utt2extra"], after["spk2extra"]) == ("a-1 x\n", "a x\n")
    assert data.read(path / ".backup") == before


@pytest.mark.parametrize(
    "table",
    ["feats.scp", "shards.scp", "text", "utt2lang", "utt2dur", "utt2num_frames", "wav.scp"],
)
def test_an_utterance_that_a_table_lacks_is_removed(data, table):
    """Empty lines of the table and of utt2spk are removed, too."""
    utt2spk = "a-1 a\n\na-2 a\nb-1 b\nb-2 b\nb-3 b\nc-1 c\n"
    path = data(utt2spk=utt2spk, **{table: "a-1 7\na-2 7\n\nb-1 7\nb-3 7\nc-1 7\n"})
    fix_data_dir(path, print)
    assert data.read(path)["utt2spk"] == "a-1 a\na-2 a\nb-1 b\nb-3 b\nc-1 c\n"
    assert data.read(path)[table] == "a-1 7\na-2 7\nb-1 7\nb-3 7\nc-1 7\n"


def test_speakers_without_gender_go(call, data):
    path = data(spk2gender="a f\nc f\n")
    assert fix(call).returncode == 0
    assert data.read(path)["utt2spk"] == "a-1 a\na-2 a\nc-1 c\n"


def test_with_segments_recordings_are_filtered_too(call, data):
    path = data(
        segments="a-1 r1 0 1\na-2 r1 1 2\nb-1 r2 0 1\nb-2 r9 0 1\nb-3 r2 1 2\nc-1 r3 0 1\n",
        wav_DOT_scp="r1 x.wav\nr2 y.wav\nr3 z.wav\nr4 q.wav\n",
        reco2dur="r1 5\nr2 5\nr3 5\nr4 5\n",
        text="a-1 ONE\na-2 TWO\nb-1 ONE\nb-2 TWO\nb-3 ONE\n",
        without=["utt2dur"],
    )
    assert fix(call).returncode == 0
    after = data.read(path)
    assert after["utt2spk"] == "a-1 a\na-2 a\nb-1 b\nb-3 b\n"
    assert after["segments"] == "a-1 r1 0 1\na-2 r1 1 2\nb-1 r2 0 1\nb-3 r2 1 2\n"
    assert after["wav.scp"] == "r1 x.wav\nr2 y.wav\n"
    assert after["reco2dur"] == "r1 5\nr2 5\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"text": "zz X\n"}, "no utterances remained: not proceeding further."),
        ({"utt2spk": "a-1 a\na-2 a x\n"}, "my data/utt2spk: has a malformed line 'a-2 a x'"),
        ({"utt2spk": "a-1 b\na-2 a\n"}, "make each speaker id a prefix of its utterance ids"),
        ({"segments": "a-1\n"}, "my data/segments, line 1: the recording is missing"),
    ],
)
def test_on_failure_no_file_has_changed(call, data, files, message):
    path = data(wav_DOT_scp="c-1 x\na-1 y\n", **files)
    before = data.read(path)
    done = fix(call)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert data.read(path) == before


def test_segments_need_recordings(data):
    path = data(segments="a-1 r1 0 1\n", without=["wav.scp"])
    with pytest.raises(InputError, match="segments exists but not .*/my data/wav.scp"):
        fix_data_dir(path, print)


def test_wrong_use(call):
    assert "no such directory my data" in fix(call).stderr
    assert not list(call.cwd.iterdir())
    (call.cwd / "my data").mkdir()
    assert "no such file my data/utt2spk" in fix(call).stderr
    done = call("fix_data_dir.sh")
    assert done.returncode == 1 and done.stdout.startswith("Usage: ")
