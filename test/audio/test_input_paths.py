"""Files, directories and lists as arguments of a command."""

import pytest

from moeasr.audio.input_paths import InputPath, find_input_paths
from moeasr.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Create a directory with audio and other files, whose contents do not matter."""
    for name in ("b/c.FLAC", "b/a.wav", "z.mp3", "notes.md", "b/.hidden.wav", ".x/a.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_directories_are_searched_at_any_depth(root):
    found = find_input_paths([str(root), "-", "x/y.wav"])
    names = [str(root / name) for name in ("b/a.wav", "b/c.FLAC", "z.mp3")]
    assert [path.name for path in found] == [*names, "-", "x/y.wav"]
    assert [path.path for path in found] == [path.name for path in found]
    assert [path.stem for path in found] == ["b/a", "b/c", "z", "standard_input", "y"]


def test_lists_contain_paths_and_tables_ids_with_paths(root):
    # a list from Windows begins with a byte order mark
    (root / "list.txt").write_text("a b.wav\r\n\r\n/c/d.flac\r\n", encoding="utf-8-sig")
    (root / "wav.scp").write_text("s1/u1 a b.wav\nu2 /c/d.flac\n", encoding="utf-8")
    assert find_input_paths([str(root / "list.txt")]) == [
        InputPath("a b.wav", "a b.wav", "a b"),
        InputPath("/c/d.flac", "/c/d.flac", "d"),
    ]
    assert find_input_paths([str(root / "wav.scp")]) == [
        InputPath("s1/u1", "a b.wav", "s1_u1"),
        InputPath("u2", "/c/d.flac", "u2"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty", None, "empty contains no audio"),
        ("x.scp", "u1 cat a.wav |\n", "entry of `u1` is a command, but must be an audio file"),
        ("x.scp", "u1 a.ark:15\n", "entry of `u1` is a place in an archive"),
        ("x.scp", "u1 a.wav\nu1 b.wav\n", "u1"),
        ("x.scp", "", "x.scp contains no audio files"),
        ("missing.scp", None, "missing.scp does not exist"),
        ("x.txt", "\n", "x.txt contains no paths"),
        ("missing.txt", None, "missing.txt: No such file"),
    ],
)
def test_empty_and_invalid_lists_are_refused(tmp_path, name, content, message):
    if name == "empty":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        find_input_paths([str(tmp_path / name)])
