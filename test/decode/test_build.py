"""Decoding settings and the choice of searches."""

import pytest
import torch

from moeasr.decode.build import SEARCHES, DecodeConfig, SearchInput, find_searches
from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, ModelConfig


def tiny_model(ctc_weight=0.3, reverse_weight=0.3, num_reverse_blocks=1):
    torch.manual_seed(1)
    config = ModelConfig(
        encoder=EncoderConfig(num_blocks=1, d_model=8, num_heads=2),
        decoder=DecoderConfig(num_blocks=1, num_heads=2, num_reverse_blocks=num_reverse_blocks),
        ctc_weight=ctc_weight,
        reverse_weight=reverse_weight,
    )
    return build_model(config, num_mel_bins=8, vocab_size=6).double().eval()


def test_the_four_modes_exist():
    assert list(SEARCHES) == [
        "ctc_greedy_search",
        "ctc_prefix_beam_search",
        "attention",
        "attention_rescoring",
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"chunk_size": 0},
        {"chunk_size": -2},
        {"beam_size": 0},
        {"num_left_chunks": -2},
        {"ctc_weight": -0.1},
        {"reverse_weight": 1.1},
    ],
)
def test_a_value_out_of_range_is_named(fault):
    (name,) = fault
    with pytest.raises(InputError, match=f"`{name}`"):
        DecodeConfig(**fault)


def test_reverse_weight_follows_the_model():
    assert DecodeConfig().resolve(tiny_model()).reverse_weight == 0.3
    assert DecodeConfig(reverse_weight=0.7).resolve(tiny_model()).reverse_weight == 0.7
    for model in (
        tiny_model(reverse_weight=0.0, num_reverse_blocks=0),
        tiny_model(reverse_weight=0.0),
    ):
        assert DecodeConfig().resolve(model).reverse_weight == 0.0
        with pytest.raises(InputError, match="right-to-left"):
            DecodeConfig(reverse_weight=0.3).resolve(model)


def test_modes_that_cannot_be_had_are_refused():
    with pytest.raises(InputError, match="unknown decoding mode 'beam'.*attention_rescoring"):
        find_searches(["beam"], tiny_model())
    with pytest.raises(InputError, match="no decoding mode"):
        find_searches([], tiny_model())
    with pytest.raises(InputError, match="twice"):
        find_searches(["attention", "attention"], tiny_model())
    for mode in ("attention", "attention_rescoring"):
        with pytest.raises(InputError, match=f"'{mode}' needs an attention decoder"):
            find_searches([mode], tiny_model(ctc_weight=1.0))
    for mode in ("ctc_greedy_search", "ctc_prefix_beam_search", "attention_rescoring"):
        with pytest.raises(InputError, match=f"'{mode}' needs CTC"):
            find_searches([mode], tiny_model(ctc_weight=0.0))
    assert list(find_searches(["attention"], tiny_model(ctc_weight=0.0))) == ["attention"]


@torch.no_grad()
def test_every_mode_gives_ranked_hypotheses_with_its_scores():
    model = tiny_model()
    config = DecodeConfig(beam_size=3).resolve(model)
    enc = 3 * torch.randn(2, 9, 8, dtype=torch.float64)
    inputs = SearchInput(model, enc, torch.tensor([9, 6]), model.ctc_log_probs(enc))
    results = {mode: search.run(inputs, config) for mode, search in SEARCHES.items()}
    for mode, nbest in results.items():
        assert len(nbest) == 2
        for hypotheses in nbest:
            assert len(hypotheses) == (1 if mode == "ctc_greedy_search" else 3)
            scores = [h.score for h in hypotheses]
            assert scores == sorted(scores, reverse=True)
            for h in hypotheses:
                assert (h.ctc_score is None) == (mode == "attention")
                assert (h.attention_score is None) == mode.startswith("ctc")
        if mode != "attention":
            assert all(len(h[0].frames) == len(h[0].tokens) for h in nbest)
    first_pass = results["ctc_prefix_beam_search"]
    for rescored, before in zip(results["attention_rescoring"], first_pass):
        assert {h.tokens: h.ctc_score for h in rescored} == {h.tokens: h.score for h in before}
        for h in rescored:
            assert h.score == pytest.approx(h.attention_score + 0.5 * h.ctc_score, abs=1e-12)
