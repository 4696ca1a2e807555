"""Transcriptions as lines."""

from moeasr.api.transcription import Alternative, Transcription, Word
from moeasr.report.hypothesis_lines import nbest_lines, word_lines


def test_rank_confidence_and_text():
    entries = [Alternative("7 8", 0.0, 1.0), Alternative("", -1.0, None), Alternative("7", -2.0, 0)]
    result = Transcription("7 8", nbest=tuple(entries))
    assert nbest_lines(result, 2) == ["1\t1.000\t7 8", "2\t-\t"]


def test_words_in_time():
    result = Transcription("7 8", words=(Word("7", 0.0, 0.08, 0.5), Word("8", 0.2, 0.24, 0.5)))
    assert word_lines(result.words) == ["0.00\t0.08\t0.500\t7", "0.20\t0.24\t0.500\t8"]
    assert word_lines(()) == []
