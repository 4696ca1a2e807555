"""A model with a fixed mode and fixed settings."""

import pytest
import torch
from checkpoints import save_model

from moeasr.api.engine import Task
from moeasr.api.transcriber import Transcriber
from moeasr.decode.config import DecodeConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    return Recognizer.from_checkpoint(save_model(tmp_path_factory.mktemp("exp") / "x.pt"))


def settled(recognizer, mode, config, given=(), language=None):
    task = Task(mode=mode, config=config, given=given, language=language)
    return Transcriber(recognizer, task)


@pytest.mark.parametrize("mode", SEARCHES)
def test_results_are_those_of_the_recognizer_in_the_order_of_the_recordings(recognizer, mode):
    config = DecodeConfig(beam_size=4)
    waveforms = [0.1 * torch.randn(length) for length in (4000, 9000, 0, 6000)]
    results = settled(recognizer, mode, config).run(waveforms)
    feats = [recognizer.features(waveform) for waveform in waveforms]
    expected = recognizer.recognize(feats, [mode], config)[mode]
    assert [r.text for r in results] == [recognizer.text(nbest[0]) for nbest in expected]
    assert [len(r.nbest) for r in results] == [len(nbest) for nbest in expected]


def test_the_default_is_the_most_accurate_mode_that_reads_the_settings(recognizer):
    def mode_of(**settings):
        return settled(recognizer, None, DecodeConfig(**settings), list(settings)).mode

    assert mode_of() == "joint_decoding"
    assert mode_of(reverse_weight=0.3) == "attention_rescoring"


def test_hypotheses_that_a_mode_keeps(recognizer):
    kept = [
        settled(recognizer, mode, DecodeConfig(beam_size=4)).num_kept
        for mode in ("ctc_greedy_search", "attention")
    ]
    assert kept == [1, 4]


def test_faults_are_found_before_anything_is_recognised(recognizer):
    with pytest.raises(InputError, match="does not route by language"):
        settled(recognizer, None, DecodeConfig(), language="en")
    with pytest.raises(InputError, match="`beam_size` has no effect in ctc_greedy_search"):
        settled(recognizer, "ctc_greedy_search", DecodeConfig(), ["beam_size"])
