"""Speakers that are taken from a training set."""

from pathlib import Path

import pytest

from moeasr.corpus.held_out import hold_out_speakers
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError


def utterances(num_speakers):
    names = [f"m{number:02d}" for number in range(num_speakers, 0, -1)]
    return [Utterance(f"{name}-{n}", name, "go", "a.wav") for name in names for n in range(2)]


def test_every_eleventh_speaker_is_held_out():
    sets = hold_out_speakers(utterances(30), Path("corpus"))
    assert {utterance.speaker for utterance in sets["dev"]} == {"m06", "m17", "m28"}
    assert len(sets["dev"]) == 6 and len(sets["train"]) == 54
    assert not {u.speaker for u in sets["train"]} & {u.speaker for u in sets["dev"]}


def test_too_few_speakers_are_refused():
    assert len(hold_out_speakers(utterances(6), Path("corpus"))["dev"]) == 2
    with pytest.raises(InputError, match="^corpus: too few training speakers"):
        hold_out_speakers(utterances(5), Path("corpus"))
