"""Recordings without speech: a line of `text` that holds the utterance id alone."""

import pytest

TEXT = "a-1\na-2 TWO  WORDS\nb-1\nb-2 TWO\nb-3 ONE\nc-1 SIX\n"


@pytest.fixture
def source(data):
    """A data directory of six utterances, two of them without words."""
    return data("source", text=TEXT)


def test_validate_and_fix_accept_them(call, source):
    done = call("validate_data_dir.sh", "--no-feats", source)
    assert done.returncode == 0, done.stderr
    done = call("fix_data_dir.sh", source)
    assert done.returncode == 0, done.stderr
    assert "kept all 6 utterances" in done.stdout + done.stderr
    assert (source / "text").read_text() == TEXT


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["copy_data_dir.sh", "source", "new"], TEXT),
        (["combine_data.sh", "new", "source"], TEXT),
        (["subset_data_dir.sh", "--first", "source", "3", "new"], "a-1\na-2 TWO  WORDS\nb-1\n"),
        (["data/remove_dup_utts.sh", "3", "source", "new"], TEXT),
        (
            ["data/modify_speaker_info.sh", "--utts-per-spk-max", "1", "source", "new"],
            TEXT,
        ),
    ],
)
def test_derived_directories_keep_them(call, source, command, expected):
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert (source.parent / "new/text").read_text() == expected


def test_changed_ids_keep_them(call, source):
    done = call("copy_data_dir.sh", "--utt-prefix", "x-", "--spk-prefix", "x-", "source", "new")
    assert done.returncode == 0, done.stderr
    first = (source.parent / "new/text").read_text().splitlines()[:2]
    assert first == ["x-a-1", "x-a-2 TWO  WORDS"]


def test_split_keeps_them(call, source):
    done = call("split_data.sh", "source", "3")
    assert done.returncode == 0, done.stderr
    parts = [(source / "split3" / str(n) / "text").read_text() for n in (1, 2, 3)]
    assert "".join(parts) == TEXT


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["filter_scp.pl", "ids"], "a-1\nb-2 TWO\n"),
        (["apply_map.pl", "-f", "2-", "words"], "a-1\na-2 2 3\nb-1\nb-2 2\nb-3 1\nc-1 6\n"),
        (["sym2int.pl", "-f", "2-", "words"], "a-1\na-2 2 3\nb-1\nb-2 2\nb-3 1\nc-1 6\n"),
    ],
)
def test_table_filters_pass_them(call, command, expected):
    (call.cwd / "ids").write_text("a-1\nb-2\n")
    (call.cwd / "words").write_text("ONE 1\nTWO 2\nWORDS 3\nSIX 6\n")
    done = call(*command, stdin=TEXT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
