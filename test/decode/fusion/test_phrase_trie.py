"""Lists of phrases; test_phrases.py tests the trie."""

import pytest

from moeasr.decode.fusion.phrase_trie import Phrase, read_phrases
from moeasr.errors import InputError


def test_a_list_of_phrases_is_read(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_text("NEW  YORK\n\nOLD\t4.5\n")
    assert read_phrases(path, 1.5) == [Phrase("NEW YORK", 1.5), Phrase("OLD", 4.5)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A\nB\tx\n", r"p\.txt:2: the boost 'x' is not a number"),
        ("A\nB\t-1\n", r"p\.txt:2: a boost must be above 0, but is -1"),
        ("A\t1\t2\n", r"p\.txt:1: must be `phrase` or `phrase TAB boost`"),
        ("\t2\n", r"p\.txt:1: must be"),
        ("A\nB\nA\n", r"p\.txt:3: phrase 'A' appears twice"),
        ("\n \n", r"p\.txt contains no phrases"),
        ("", r"p\.txt is empty"),
        ("A\r\n", r"p\.txt:1: contains a carriage return"),
    ],
)
def test_faults_in_a_list_of_phrases_name_file_and_line(tmp_path, content, message):
    path = tmp_path / "p.txt"
    path.write_bytes(content.encode())
    with pytest.raises(InputError, match=message):
        read_phrases(path, 1.0)
