"""Two utterances in one, with both transcripts."""

import numpy as np
import pytest
import torch
from speech_sets import MadeUpSpeech, made_up_features, made_up_speech, tone

from moeasr.augment.joining import JoinConfig, join_texts
from moeasr.errors import InputError


@pytest.mark.parametrize("make", [made_up_speech, made_up_features])
def test_signals_and_transcripts_follow_each_other(make):
    speech_set = make()
    others = set()
    for seed in range(40):
        join = JoinConfig().build(speech_set)
        found = join.apply(speech_set.read(2), np.random.default_rng(seed))
        other = speech_set.read(int(found.text[-1]))
        others.add(other.index)
        assert found.text == f"text 2 {other.text}"
        assert torch.equal(found.signal, torch.cat([speech_set.read(2).signal, other.signal]))
    assert others == {0, 1, 2, 3}


def test_an_utterance_that_would_become_too_long_is_left_alone():
    speech_set = MadeUpSpeech([tone(16000, 300), tone(8000, 300)])
    join = JoinConfig(max_sec=1.5).build(speech_set)
    found = {join.apply(speech_set.read(0), np.random.default_rng(n)).text for n in range(20)}
    assert found == {"text 0", "text 0 text 1"}


def test_only_utterances_of_one_language_are_joined():
    speech_set = MadeUpSpeech([tone(800, 300)] * 4, languages="abab")
    join = JoinConfig().build(speech_set)
    found = {join.apply(speech_set.read(0), np.random.default_rng(n)).text for n in range(20)}
    assert found == {"text 0 text 0", "text 0 text 2"}


def test_transcripts_are_joined_as_their_script_is_written():
    assert join_texts("go on", "") == join_texts("", "go on") == "go on"
    assert join_texts("go", "on") == "go on"
    assert join_texts("打开", "网站") == "打开网站"
    assert join_texts("打开", "web") == "打开 web"
    assert join_texts("打 开", "网站") == "打 开 网站"  # this corpus separates words by spaces


def test_a_length_out_of_range_is_refused():
    with pytest.raises(InputError, match="`max_sec` must be above 0 and at most 3600, but is 0"):
        JoinConfig(max_sec=0.0)
