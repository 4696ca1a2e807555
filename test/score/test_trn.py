"""Lines of NIST .trn files."""

import pytest

from moeasr.errors import InputError
from moeasr.score.trn import trn_text


def test_a_trn_line_has_text_and_utterance_id() -> None:
    utt2spk = {"fash-an251": "fash", "u2": "spk-9"}
    text = trn_text([("fash-an251", "YES SIR"), ("u2", "")], utt2spk)
    assert text == "YES SIR (fash-fash-an251)\n (spk_9-u2)\n"


def test_characters_that_count_as_words_are_words_of_sclite_too() -> None:
    text = trn_text([("u1", "打开WENET网站")], {"u1": "s"})
    assert text == "打 开 WENET 网 站 (s-u1)\n"


def test_a_text_that_looks_like_a_comment_is_escaped() -> None:
    """sclite ignores lines that begin with `;;`."""
    utt2spk = {"u1": "s", "u2": "s", "u3": "s"}
    text = trn_text([("u1", ";; a"), ("u2", ";;b"), ("u3", "; c")], utt2spk)
    assert text == " ;; a (s-u1)\n ;;b (s-u2)\n; c (s-u3)\n"


def test_unknown_speaker_is_named() -> None:
    with pytest.raises(InputError, match="'u3' has no speaker"):
        trn_text([("u3", "a")], {})
