"""Lists of utterances that are left out."""

from moeasr.datadir.left_out import write_left_out


def test_an_old_list_is_replaced_or_removed(tmp_path):
    path = tmp_path / "set" / "left_out.txt"
    write_left_out(path, {})
    assert not path.exists()
    write_left_out(path, {"b": "it is empty", "a": "it is Ä"})
    assert path.read_text(encoding="utf-8") == "b it is empty\na it is Ä\n"
    write_left_out(path, {})
    assert not path.exists()
