"""Options of a comparison: what their texts mean, and which are refused."""

import pytest

from moeasr.compare.option_texts import (
    experiments_directory,
    option_value,
    seed_list,
    whole_number,
    words_for_run_sh,
)
from moeasr.errors import InputError

SCRIPTS = (
    'decode_modes="ctc_greedy_search  attention" # searches\ntest_sets=test\n',
    "decode_modes=never # the first script wins\ndecoding_chunk_size='-1 16'  # frames\n",
)


def test_numbers_seeds_and_directories():
    assert whole_number("--jobs", "3", least=1) == 3
    assert seed_list(" 777  08 ") == [777, 8]
    assert experiments_directory("exp/x/") == "exp/x"
    assert experiments_directory("/") == "/"


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (lambda text: whole_number("--jobs", text, 1), "0", "--jobs must be at least 1"),
        (lambda text: whole_number("--jobs", text), "two", "--jobs must be a whole number, but is"),
        (lambda text: whole_number("--jobs", text), "-1", "--jobs must be a whole number, but is"),
        (lambda text: whole_number("--jobs", text), "", "--jobs must be a whole number, but is ''"),
        (seed_list, "1 a", "--seeds must be whole numbers, but one is 'a'"),
        (seed_list, "1 1", "--seeds contains 1 twice"),
        (seed_list, "1 01", "--seeds contains 01 twice"),
        (seed_list, " ", "--seeds is empty"),
        (experiments_directory, "a b", "--exp-dir 'a b' has characters"),
        (experiments_directory, "", "--exp-dir '' has characters"),
        (words_for_run_sh, "--x 'a", "--run-opts has an unmatched quote: --x 'a"),
        (words_for_run_sh, "--x a\\", "--run-opts has an unmatched quote"),
    ],
)
def test_faults_are_named(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_quotes_group_words_and_nothing_is_evaluated():
    text = """--nj 1  --modes 'a  b' --opts "--set 'x'" --empty '' --raw '$(x) `y` *|>' # no"""
    assert words_for_run_sh(text) == [
        *("--nj", "1", "--modes", "a  b", "--opts", "--set 'x'", "--empty", ""),
        *("--raw", "$(x) `y` *|>", "#", "no"),
    ]


@pytest.mark.parametrize(
    ("option", "run_words", "expected"),
    [
        ("--decode-modes", (), "ctc_greedy_search attention"),
        ("--decode-modes", ("--decode_modes", "a b"), "a b"),
        ("--decode-modes", ("--decode-modes", "a", "--decode-modes", "b"), "b"),
        ("--decode-modes", ("--decode-modes",), "ctc_greedy_search attention"),
        ("--decoding-chunk-size", (), "-1 16"),
        ("--test-sets", ("--nj", "2"), "test"),
        ("--no-such", (), ""),
    ],
)
def test_a_value_is_that_of_run_opts_or_the_default(option, run_words, expected):
    assert option_value(option, SCRIPTS, run_words) == expected
