"""The lowest of several error rates, in the formats of Kaldi and of sclite."""

import pytest

from moeasr.score.best import best_line


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["x/wer_7:%WER 13.45 [ 27 / 20, 3 ins ]", "x/wer_8:%WER 9.5 [ 2 / 20 ] [PARTIAL]"],
            "%WER 9.5 [ 2 / 20 ] [PARTIAL] x/wer_8",
        ),
        # rates above 100 % are possible
        (["a:%WER 120.5 [ 241 / 200 ]", "b:%WER 110 [ 220 / 200 ]"], "%WER 110 [ 220 / 200 ] b"),
        # the first one of equal rates, as in Kaldi
        (["a:%WER 5 [ 1 / 20 ]", "b:%WER 5.0 [ 1 / 20 ]"], "%WER 5 [ 1 / 20 ] a"),
        (["%WER 5 [ 1 / 20 ]"], "%WER 5 [ 1 / 20 ]"),
        (["a:%SER 50.00 [ 1 / 2 ]", "a:Scored 2 sentences"], "%SER 50.00 [ 1 / 2 ] a"),
        (
            [
                "s_8/a.sys:|  Sum/Avg  | 10  200 | 95.0  3.0  2.0  1.0  6.0  40.0 |",
                "s_9/a.sys:| Sum/Avg| 10  200 | 94.0  4.0  2.0  1.0  5.5  40.0 |",
            ],
            "%WER 5.5 | 10 200 | 94.0 4.0 2.0 1.0 5.5 40.0 | s_9/a.sys",
        ),
        (["nothing", "x:%WER nan? [ ]", "y:| Sum/Avg | 1 | 2 |"], None),
    ],
)
def test_the_lowest_rate_is_printed_with_its_file(lines, expected):
    assert best_line(lines) == expected
