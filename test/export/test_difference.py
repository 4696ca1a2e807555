"""Outputs that differ from the checkpoint are found and refused."""

import numpy as np
import pytest
import torch
from checkpoints import save_model

from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.export.difference import compare

FEATS = [
    (f"u{number}", np.random.default_rng(number).normal(6, 3, (40 + number, 20)).astype("f"))
    for number in range(3)
]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    path = save_model(tmp_path_factory.mktemp("model") / "averaged.pt")
    return Recognizer.from_checkpoint(path)


def log_probs(recognizer, feats):
    batch = torch.from_numpy(feats)[None], torch.tensor([len(feats)])
    with torch.no_grad():
        enc = recognizer.model.encode(*batch).enc
        return recognizer.model.ctc_log_probs(enc)[0].numpy().copy()


def test_equal_outputs_pass(recognizer):
    difference = compare(recognizer, FEATS, lambda feats: log_probs(recognizer, feats))
    assert (difference.largest, difference.num_differing) == (0.0, 0)
    assert difference.num_frames == 9 + 9 + 9 and difference.differing_texts == []
    difference.check("model.onnx")


def test_an_unlikely_end_of_sentence_makes_no_difference(recognizer):
    def exported(feats):
        found = log_probs(recognizer, feats)
        found[:, 2] = -1e4
        return found

    compare(recognizer, FEATS, exported).check("model.onnx")


def test_another_text_is_refused_with_the_utterance(recognizer):
    def exported(feats):
        found = log_probs(recognizer, feats)
        if len(feats) == 41:
            found[:] = -5.0
            found[:, 0] = 0.0
        return found

    difference = compare(recognizer, FEATS, exported)
    assert difference.differing_texts == ["u1"]
    with pytest.raises(InputError, match=r"text of model.onnx differs .*1 of 3 utterances \(u1\)"):
        difference.check("model.onnx")


def test_other_log_probabilities_are_refused(recognizer):
    def exported(feats):
        return log_probs(recognizer, feats) - 0.02

    with pytest.raises(InputError, match=r"by more than 0\.01 .* in 27 of 27 frames"):
        compare(recognizer, FEATS, exported).check("model.onnx")


def test_log_probabilities_that_are_not_numbers_are_refused(recognizer):
    """One frame of many is enough."""
    difference = compare(recognizer, FEATS, lambda feats: log_probs(recognizer, feats))
    difference.count(np.array([np.nan] + [0.0] * 1000))
    with pytest.raises(InputError, match=r"\(by up to nan\) in 1 of"):
        difference.check("model.onnx")


def test_another_number_of_frames_is_refused(recognizer):
    with pytest.raises(InputError, match=r"shape \(8, 8\) for utterance u0, .* \(9, 8\)"):
        compare(recognizer, FEATS, lambda feats: log_probs(recognizer, feats)[:-1])
