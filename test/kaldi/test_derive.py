"""Parts and renamed copies of data directories."""

import pytest
from tables import read_tables, write_tables

from moeasr.errors import InputError
from moeasr.kaldi.derive import (
    Part,
    copy_whole,
    move_stale,
    require_source,
    write_parts,
    write_renamed,
    write_utt2uniq,
)

SOURCE = {
    "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
    "text": "a-1 ONE\na-2 TWO\nb-1 ONE\n",
    "segments": "a-1 r 0 1\na-2 s 0 1\nb-1 r 1 2\n",
    "wav.scp": "r r.wav\ns s.wav\n",
    "spk2gender": "a f\nb m\n",
    "stm": ";; LABEL x\nr A a 0 1 ONE\ns A a 0 1 TWO\n",
}


@pytest.fixture
def source(tmp_path):
    return write_tables(tmp_path / "source", SOURCE)


def test_each_part_has_what_belongs_to_its_utterances(source, tmp_path):
    parts = [
        Part(tmp_path / "one", [(b"a-2", b"a")]),
        Part(tmp_path / "two", [(b"a-1", b"a"), (b"b-1", b"b")]),
    ]
    written = write_parts(source, parts)
    assert set(written) == {*SOURCE, "spk2utt"}
    assert read_tables(tmp_path / "one") == {
        "utt2spk": "a-2 a\n",
        "spk2utt": "a a-2\n",
        "text": "a-2 TWO\n",
        "segments": "a-2 s 0 1\n",
        "wav.scp": "s s.wav\n",
        "spk2gender": "a f\n",
        "stm": ";; LABEL x\ns A a 0 1 TWO\n",
    }
    two = read_tables(tmp_path / "two")
    assert two["wav.scp"] == "r r.wav\n" and two["spk2utt"] == "a a-1\nb b-1\n"


def test_renamed_tables_are_sorted_by_their_new_ids(source, tmp_path):
    def reverse(name):
        return name[::-1]

    names = ("text", "segments", "wav.scp", "cmvn.scp")
    written = write_renamed(source, tmp_path / "new", names, reverse, reverse, lambda r: b"x" + r)
    assert written == ["utt2spk", "spk2utt", "text", "segments", "wav.scp"]
    assert read_tables(tmp_path / "new") == {
        "utt2spk": "1-a a\n1-b b\n2-a a\n",
        "spk2utt": "a 1-a 2-a\nb 1-b\n",
        "text": "1-a ONE\n1-b ONE\n2-a TWO\n",
        "segments": "1-a xr 0 1\n1-b xr 1 2\n2-a xs 0 1\n",
        "wav.scp": "xr r.wav\nxs s.wav\n",
    }


def test_a_malformed_segment_is_refused_before_anything_is_written(source, tmp_path):
    (source / "segments").write_text("a-1\n")
    keep = [lambda name: name] * 3
    with pytest.raises(InputError, match="segments, line 1: the recording is missing"):
        write_renamed(source, tmp_path / "new", ["text", "segments"], *keep)
    assert not (tmp_path / "new").exists()


def test_utt2uniq_goes_back_to_the_first_names(source, tmp_path):
    write_utt2uniq(source, tmp_path, lambda utt: b"x" + utt)
    assert (tmp_path / "utt2uniq").read_text() == "xa-1 a-1\nxa-2 a-2\nxb-1 b-1\n"
    write_tables(source, {"utt2uniq": "a-1 first\n"})
    write_utt2uniq(source, tmp_path, lambda utt: b"x" + utt)
    assert (tmp_path / "utt2uniq").read_text() == "xa-1 first\n"


def test_only_known_files_that_were_not_written_are_stale(source, tmp_path):
    target = write_tables(tmp_path / "new", {"text": "", "feats.scp": "", "notes": ""})
    said = []
    move_stale(source, target, ["text"], said.append)
    assert sorted(read_tables(target)) == ["notes", "text"]
    assert (target / ".backup/feats.scp").exists()
    assert len(said) == 1 and said[0].startswith("file feats.scp exists in dest")


def test_whole_files_are_copied_where_they_exist(source, tmp_path):
    assert copy_whole(source, tmp_path / "new", ["stm", "glm"]) == ["stm"]
    assert read_tables(tmp_path / "new") == {"stm": SOURCE["stm"]}


def test_source_and_target_must_differ_and_the_source_exist(source, tmp_path):
    require_source(source, tmp_path / "new")
    with pytest.raises(InputError, match="<srcdir> and <destdir> to be different"):
        require_source(source, source / ".." / "source")
    with pytest.raises(InputError, match="no such file .*none/utt2spk"):
        require_source(tmp_path / "none", source)
    write_tables(source, {"utt2spk": "a-1 a\nbad\n"})
    with pytest.raises(InputError, match="utt2spk, line 2: has 1 field instead of 2: 'bad'"):
        write_renamed(source, tmp_path / "new", (), bytes, bytes, bytes)
