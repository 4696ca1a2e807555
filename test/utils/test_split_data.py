"""utils/split_data.sh: parts for parallel jobs."""

import os

import pytest


def split(call, *arguments):
    return call("split_data.sh", *arguments)


def utts(path):
    return [line.split()[0] for line in (path / "utt2spk").read_text().splitlines()]


def test_by_speaker(call, data):
    path = data(spk2gender="a f\nb m\nc f\n", frame_shift="0.01\n")
    done = split(call, "my data", 3)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    parts = [path / "split3" / str(n) for n in (1, 2, 3)]
    assert [utts(part) for part in parts] == [["a-1", "a-2"], ["b-1", "b-2", "b-3"], ["c-1"]]
    assert data.read(parts[0]) == {
        "utt2spk": "a-1 a\na-2 a\n",
        "spk2utt": "a a-1 a-2\n",
        "text": "a-1 ONE\na-2 TWO  WORDS\n",
        "wav.scp": "a-1 /x y/a-1.wav\na-2 cat /x/a-2.wav |\n",
        "utt2dur": "a-1 1\na-2 2.5\n",
        "spk2gender": "a f\n",
        "frame_shift": "0.01\n",
    }


def test_by_utterance(call, data):
    """Speakers and recordings that several parts need are in each of them."""
    path = data(
        segments="".join(f"{u} r{i // 3} {i} {i + 1}\n" for i, u in enumerate(UTTS)),
        wav_DOT_scp="r0 x\nr1 y\n",
        spk2gender="a f\nb m\nc f\n",
    )
    assert split(call, "--per-utt", "my data", 4).returncode == 0
    parts = [path / "split4utt" / str(n) for n in (1, 2, 3, 4)]
    assert [utts(part) for part in parts] == [["a-1", "a-2"], ["b-1", "b-2"], ["b-3"], ["c-1"]]
    assert [(part / "wav.scp").read_text() for part in parts] == [
        "r0 x\n",
        "r0 x\nr1 y\n",
        "r1 y\n",
        "r1 y\n",
    ]
    assert [(part / "spk2gender").read_text()[0] for part in parts] == ["a", "b", "b", "c"]


def test_it_splits_again_only_when_something_has_changed(call, data):
    path = data()
    assert split(call, "my data", 2).returncode == 0
    text = path / "split2/2/text"
    good = text.read_text()
    text.write_text("marked\n")
    assert split(call, "my data", 2).returncode == 0
    assert text.read_text() == "marked\n"  # newer than its source, so it was left alone
    os.utime(path / "text", (2**32, 2**32))
    assert split(call, "my data", 2).returncode == 0
    assert text.read_text() == good
    os.utime(path / "text", (1, 1))
    (path / "utt2dur").unlink()
    assert split(call, "my data", 2).returncode == 0
    assert not (path / "split2/1/utt2dur").exists()
    (path / "utt2accent").write_text("".join(f"{utt} x\n" for utt in UTTS))
    assert split(call, "my data", 2).returncode == 0
    assert (path / "split2/2/utt2accent").exists()
    (path / "utt2accent").unlink()
    assert split(call, "my data", 2).returncode == 0
    assert not (path / "split2/2/utt2accent").exists()
    (path / "split2/2/wav.scp").unlink()  # as after a split that was interrupted
    assert split(call, "my data", 2).returncode == 0
    assert (path / "split2/2/wav.scp").exists()


def test_a_table_of_another_length_is_worth_a_warning(call, data):
    data(text="a-1 ONE\n")
    done = split(call, "my data", 2)
    assert done.returncode == 0
    assert "warning: text has 1 line, but utt2spk has 6" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my data", "4"], "number of speakers 3 is less than the number of output .scp files 4"),
        (["--per-utt", "my data", "7"], "[reduce $nj (7) to be smaller than the number of lines"),
        (["my data", "0"], "<num-to-split> must be a whole number of at least 1, but is '0'"),
        (["my data", "x"], "<num-to-split> must be a whole number of at least 1, but is 'x'"),
        (["none", "2"], "no such directory none"),
    ],
)
def test_errors_make_nothing(call, data, arguments, message):
    path = data()
    done = split(call, *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not list(path.glob("split*"))


UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]
