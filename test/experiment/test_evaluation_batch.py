"""Evaluation of a development batch: the model's loss and the errors of greedy CTC search."""

import dataclasses
from pathlib import Path

import pytest
import torch
from experiments import DENSE, TOKENIZER, UNITS

from moeasr.data.batch import Batch
from moeasr.datadir.table import Table
from moeasr.datadir.utterances import open_utterances
from moeasr.experiment.evaluation_batch import make_evaluation
from moeasr.models.build import build_model

LENS = (60, 50)


@pytest.fixture
def utterances(tmp_path: Path):
    (tmp_path / "feats.scp").write_text("u1 a.ark:1\nu2 a.ark:2\nu3 a.ark:3\n")
    (tmp_path / "text").write_text("u1 a b c\nu2 d  d\nu3 a\n")
    return open_utterances(tmp_path / "feats.scp").with_texts(Table(tmp_path / "text"))


def make_batch():
    tokens = [TOKENIZER.encode(text) for text in ("a", "d d")]
    return Batch(
        utt_ids=("u3", "u2"),
        feats=torch.randn(2, 60, 20, generator=torch.Generator().manual_seed(4)),
        feats_lens=torch.tensor(LENS),
        tokens=torch.tensor([[*tokens[0], 0, 0], tokens[1]]),
        tokens_lens=torch.tensor([len(ids) for ids in tokens]),
        languages=None,
    )


def evaluate(model, utterances):
    model.eval()
    with torch.no_grad():
        found = make_evaluation(model, TOKENIZER, utterances, torch.device("cpu"))(make_batch())
        batch = make_batch()
        tensors = (batch.feats, batch.feats_lens, batch.tokens, batch.tokens_lens)
        assert torch.equal(found.output.loss, model(*tensors).loss)
    return found


def test_hypotheses_of_the_ctc_head_are_compared_with_the_transcripts(utterances):
    """The head says `a` in every frame, whatever it hears: repeats are one unit."""
    model = build_model(DENSE.model, 20, len(UNITS))
    torch.nn.init.zeros_(model.ctc.project.weight)
    model.ctc.project.bias.data = torch.tensor([0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0])
    found = evaluate(model, utterances)
    assert (found.num_errors, found.num_words) == (2, 3)  # `a` is right; of `d d` nothing is


def test_words_are_those_of_scoring(utterances, tmp_path):
    """A Chinese character is a word."""
    (tmp_path / "text").write_text("u2 d你好\nu3 a\n", encoding="utf-8")
    model = build_model(DENSE.model, 20, len(UNITS))
    found = evaluate(model, utterances.with_texts(Table(tmp_path / "text")))
    assert found.num_words == 4


def test_a_ctc_head_that_is_not_trained_has_no_errors(utterances):
    model = build_model(dataclasses.replace(DENSE.model, ctc_weight=0.0), 20, len(UNITS))
    found = evaluate(model, utterances)
    assert (found.num_errors, found.num_words) == (0, 0)
