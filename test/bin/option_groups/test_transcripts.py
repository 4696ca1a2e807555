"""Options of transcripts: their combinations, and the forms they name."""

import argparse
from types import SimpleNamespace

import pytest

from moeasr.bin.option_groups.transcripts import (
    FORM_NAMES,
    FORMS_WITH_TIMES,
    add_transcript_options,
    check_transcript_options,
)
from moeasr.errors import InputError
from moeasr.report.transcript_forms import FORMS

GREEDY = SimpleNamespace(mode="ctc_greedy_search", num_kept=1)


def check(*words, has_ctc=True):
    parser = argparse.ArgumentParser()
    add_transcript_options(parser)
    check_transcript_options(parser.parse_args(["a.wav", *words]), has_ctc, GREEDY)


def test_the_forms_are_those_that_exist():
    assert tuple(FORMS) == FORM_NAMES
    assert tuple(name for name, form in FORMS.items() if form.needs_times) == FORMS_WITH_TIMES


def test_most_combinations_are_valid():
    for words in ((), ("--nbest", "1"), ("--timestamps", "-o", "x"), ("--format", "srt", "--vad")):
        check(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--timestamps", "--nbest", "1"), "give either --timestamps or --nbest"),
        (("--nbest", "2"), "--nbest must be between 1 and 1, .* of ctc_greedy_search, but is 2"),
        (("--nbest", "1", "--format", "json"), "--nbest is for --format text, but .* json"),
        (("--timestamps", "--format", "ctm"), "--timestamps is for --format text"),
    ],
)
def test_contradictions_are_refused(words, message):
    with pytest.raises(InputError, match=message):
        check(*words)


def test_times_need_ctc():
    for words in (["--timestamps"], *(["--format", name] for name in FORMS_WITH_TIMES)):
        with pytest.raises(InputError, match=f"^{' '.join(words)} needs? CTC"):
            check(*words, has_ctc=False)
    check("--format", "json", has_ctc=False)
