"""Utterances of a data directory as a set of speech."""

import dataclasses

import numpy as np
import torch

from moeasr.augment.utterance_speech import UtteranceSpeech
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_utterances


def test_utterances_are_read_with_their_transcripts_and_drawn_by_language(tmp_path):
    (tmp_path / "wav.scp").write_text("a 1\nb 2\nc 3\n")
    (tmp_path / "text").write_text("a one\nb two\nc three\n")
    utterances = open_utterances(tmp_path / "wav.scp").with_texts(Table(tmp_path / "text"))

    def read(utterance) -> torch.Tensor:
        return torch.full((4,), float(utterance.entry))

    rng = np.random.default_rng(0)
    speech = UtteranceSpeech(utterances, read, 16000, np.ones(3))
    found = speech.read(1)
    assert (found.text, found.index, found.signal.tolist()) == ("two", 1, [2.0] * 4)
    assert {speech.draw_like(1, rng) for _ in range(50)} == {0, 1, 2}
    spoken = dataclasses.replace(utterances, languages=np.array([0, 1, 0]))
    speech = UtteranceSpeech(spoken, read, 16000, np.ones(3))
    assert {speech.draw_like(2, rng) for _ in range(50)} == {0, 2}
    assert {speech.draw_like(1, rng) for _ in range(50)} == {1}
