"""utils/copy_data_dir.sh: plain and renamed copies."""

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.copy_dir import Affixes, copy_data_dir


def copy(call, *arguments):
    return call("copy_data_dir.sh", *arguments)


def test_a_plain_copy_is_equal_and_validated(call, data):
    uniq = "".join(f"{utt} original-{utt}\n" for utt in UTTS)
    path = data(frame_shift="0.01\n", stm="x\n", spk2gender="a f\nb m\nc f\n", utt2uniq=uniq)
    done = copy(call, "my data", "new/copy")
    assert done.returncode == 0, done.stderr
    assert "copied data from my data to new/copy\n" in done.stdout
    assert "Successfully validated data-directory new/copy" in done.stdout
    assert data.read(call.cwd / "new/copy") == data.read(path)


def test_affixes_rename_utterances_and_speakers(call, data):
    """With segments, recordings keep their names; utt2uniq tells where utterances come from."""
    data(
        segments="".join(f"{u} r {i} {i + 1}\n" for i, u in enumerate(UTTS)),
        wav_DOT_scp="r x  y.wav\n",
        spk2gender="a f\nb m\nc f\n",
    )
    options = ["--utt-prefix", "p-", "--spk-prefix", "p-", "--utt-suffix", "_s"]
    done = copy(call, *options, "my data", "copy")
    assert done.returncode == 0, done.stderr
    files = data.read(call.cwd / "copy")
    assert files["utt2spk"].startswith("p-a-1_s p-a\np-a-2_s p-a\n")
    assert files["spk2utt"] == "p-a p-a-1_s p-a-2_s\np-b p-b-1_s p-b-2_s p-b-3_s\np-c p-c-1_s\n"
    assert files["text"].splitlines()[1] == "p-a-2_s TWO  WORDS"  # inner spaces stay
    assert files["segments"].startswith("p-a-1_s r 0 1\n")
    assert files["wav.scp"] == "r x  y.wav\n"
    assert files["spk2gender"] == "p-a f\np-b m\np-c f\n"
    assert files["utt2uniq"].startswith("p-a-1_s a-1\np-a-2_s a-2\n")
    assert copy(call, "--utt-prefix", "q", "--spk-prefix", "q", "copy", "copy2").returncode == 0
    assert data.read(call.cwd / "copy2")["utt2uniq"].startswith("qp-a-1_s a-1\n")


def test_a_suffix_that_changes_the_order_leaves_the_copy_sorted(data):
    """a-1 comes before a-10, but a-1x after a-10x; likewise for the speakers a and ab."""
    path = data(
        utt2spk="a-1 a\na-10 a\nab-1 ab\n",
        text="a-1 ONE\na-10 TEN\nab-1 SIX\n",
        without=["spk2utt", "wav.scp", "utt2dur"],
    )
    copy_data_dir(path, path / "copy", Affixes(utt_suffix="x", spk_suffix="x"), print)
    files = data.read(path / "copy")
    assert files["utt2spk"] == "a-10x ax\na-1x ax\nab-1x abx\n"
    assert files["spk2utt"] == "abx ab-1x\nax a-10x a-1x\n"
    assert files["text"] == "a-10x TEN\na-1x ONE\nab-1x SIX\n"


def test_without_segments_wav_scp_is_renamed(call, data):
    data()
    assert copy(call, "--utt-prefix", "p-", "--spk-prefix", "p-", "my data", "copy").returncode == 0
    assert data.read(call.cwd / "copy")["wav.scp"].startswith("p-a-1 /x y/a-1.wav\np-a-2 cat /x/")


def test_stale_files_move_to_backup(call, data):
    data()
    data("copy", cmvn_DOT_scp="a x\n")
    done = copy(call, "my data", "copy")
    assert done.returncode == 0
    assert "file cmvn.scp exists in dest copy but not in src my data.  Moving it to" in done.stdout
    assert not (call.cwd / "copy/cmvn.scp").exists()
    assert (call.cwd / "copy/.backup/cmvn.scp").read_text() == "a x\n"


def test_options_of_validation_are_passed_on(call, data):
    data(text="a-1 \x07\na-2 x\nb-1 x\nb-2 x\nb-3 x\nc-1 x\n")
    assert copy(call, "my data", "copy").returncode == 1
    options = ["--validate-opts", "--non-print"]
    assert copy(call, *options, "my data", "copy").returncode == 0


def test_errors(call, data):
    data()
    assert copy(call, "my data").stdout.startswith("Usage: ")
    for target in ("my data", "my data/", "./my data", "new/../my data"):
        assert "<srcdir> and <destdir> to be different" in copy(call, "my data", target).stderr
    done = copy(call, "none", "copy")
    assert done.returncode == 1 and "no such file none/utt2spk" in done.stderr
    path = data(utt2spk="a-1 a\na-2 a x\n")
    with pytest.raises(
        InputError, match="my data/utt2spk, line 2: has 3 fields instead of 2: 'a-2 a x'"
    ):
        copy_data_dir(path, path / "copy", Affixes(), print)


UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]
