"""The registry of searches, and the use of settings by each of them."""

import pytest
import torch
from tiny_models import tiny_model

from moeasr.decode.config import ENCODER_SETTINGS, DecodeConfig
from moeasr.decode.ctc.forced_alignment import align_tokens
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.required_heads import trained_heads
from moeasr.decode.rescoring import token_log_probs
from moeasr.decode.searches import SEARCHES, SearchInput, check_settings, find_searches
from moeasr.errors import InputError


def inputs_of(model, enc, enc_lens):
    """Build the input of the searches from encoder output."""
    return SearchInput(model, enc, enc_lens, model.ctc_log_probs(enc), fusion=None)


def test_modes_and_their_order():
    assert list(SEARCHES) == [
        "ctc_greedy_search",
        "ctc_prefix_beam_search",
        "attention",
        "attention_rescoring",
        "joint_decoding",
    ]


def test_unknown_missing_and_repeated_modes_are_refused():
    with pytest.raises(InputError, match="unknown decoding mode 'beam'.*attention_rescoring"):
        find_searches(["beam"], tiny_model())
    with pytest.raises(InputError, match="no decoding mode"):
        find_searches([], tiny_model())
    with pytest.raises(InputError, match="twice"):
        find_searches(["attention", "attention"], tiny_model())


@pytest.mark.parametrize("mode", SEARCHES)
@pytest.mark.parametrize(
    ("ctc_weight", "head", "message"),
    [
        (1.0, "attention", r"needs an attention decoder, .* \(`ctc_weight: 1`\)"),
        (0.0, "ctc", r"needs CTC, .* \(`ctc_weight: 0`\)"),
    ],
)
def test_a_search_is_refused_for_a_model_without_its_heads(mode, ctc_weight, head, message):
    model = tiny_model(ctc_weight=ctc_weight)
    if head in SEARCHES[mode].heads:
        with pytest.raises(InputError, match=f"mode '{mode}' {message}"):
            find_searches([mode], model)
    else:
        assert find_searches([mode], model) == {mode: SEARCHES[mode]}


@pytest.mark.parametrize("mode", SEARCHES)
def test_every_search_names_existing_heads_and_settings(mode):
    search, every = SEARCHES[mode], trained_heads(tiny_model())
    assert search.heads and search.heads <= every
    assert search.settings <= vars(DecodeConfig()).keys() - set(ENCODER_SETTINGS)
    assert every == {"ctc", "attention", "reverse_decoder"}


def test_the_search_input_has_no_defaults():
    assert SearchInput._field_defaults == {}


def test_settings_that_no_mode_uses_are_refused():
    config = DecodeConfig()
    for modes, name in (
        (["attention", "ctc_greedy_search"], "ctc_weight"),
        (["joint_decoding"], "reverse_weight"),
        (["attention_rescoring"], "length_penalty"),
        (["ctc_greedy_search"], "beam_size"),
    ):
        with pytest.raises(InputError, match=f"`{name}` has no effect in {', '.join(modes)}; it"):
            check_settings(modes, config, [name])
        check_settings([*modes, "attention_rescoring", "attention"], config, [name])
    with pytest.raises(InputError, match=r"in joint decoding `ctc_weight` .* but is 1\.2"):
        check_settings(["attention_rescoring", "joint_decoding"], DecodeConfig(ctc_weight=1.2), [])
    check_settings(["attention_rescoring"], DecodeConfig(ctc_weight=1.2), [])
    check_settings(["joint_decoding"], DecodeConfig(ctc_weight=1.0), [])
    check_settings(["ctc_greedy_search"], config, ["chunk_size", "num_left_chunks"])


def test_an_unknown_mode_is_reported_before_other_faults():
    for given, fusion in ((["beam_size"], FusionConfig()), ([], FusionConfig(lm="x.lm"))):
        with pytest.raises(InputError, match="unknown decoding mode 'beam'"):
            check_settings(["beam"], DecodeConfig(fusion=fusion), given)


@torch.no_grad()
def test_joint_decoding_is_the_weighted_sum_of_attention_and_ctc():
    """With a beam that holds all sequences, this is so for the score of each sequence."""
    model = tiny_model()
    enc = 3 * torch.randn(2, 4, 8, dtype=torch.float64)
    inputs = inputs_of(model, enc, torch.tensor([4, 3]))

    def run(mode, weight):
        config = DecodeConfig(beam_size=1000, ctc_weight=weight).resolve(model)
        results = SEARCHES[mode].run(inputs, config)
        return [{h.tokens: h for h in nbest if (h.ctc_score or 0) > -500} for nbest in results]

    attention, ctc = run("attention", 0.5), run("ctc_prefix_beam_search", 0.5)
    for weight in (0.0, 0.3, 1.0):
        for utt, found in enumerate(run("joint_decoding", weight)):
            # CTC treats <sos/eos> as a unit. The attention search ends with it, and has no blank.
            both = [t for t in ctc[utt] if model.sos_eos not in t] if weight > 0 else attention[utt]
            assert set(found) == set(both)
            for tokens, h in found.items():
                parts = h.attention_score, h.ctc_score
                assert (parts[0] is None, parts[1] is None) == (weight == 1, weight == 0)
                if weight < 1:
                    assert parts[0] == pytest.approx(attention[utt][tokens].score, abs=1e-9)
                if weight > 0:
                    assert parts[1] == pytest.approx(ctc[utt][tokens].score, abs=1e-9)
                expected = (1 - weight) * (parts[0] or 0) + weight * (parts[1] or 0)
                assert h.score == pytest.approx(expected, abs=1e-9)


@torch.no_grad()
def test_attention_without_ctc_gives_no_times():
    model = tiny_model(ctc_weight=0.0)
    # Hypotheses end at once, so that none is too long for an alignment.
    model.decoder.project.bias[model.sos_eos] = 9.0
    enc = torch.randn(1, 9, 8, dtype=torch.float64)
    inputs = inputs_of(model, enc, torch.tensor([9]))
    ((best, *_),) = SEARCHES["attention"].run(inputs, DecodeConfig(beam_size=3).resolve(model))
    assert align_tokens(inputs.log_probs[0], best.tokens) is not None
    assert best.frames is best.spans is None
    assert len(best.token_confidence) == len(best.tokens)


@torch.no_grad()
def test_every_mode_returns_hypotheses_sorted_by_score_with_the_scores_of_its_heads():
    model = tiny_model()
    config = DecodeConfig(beam_size=3).resolve(model)
    enc = 3 * torch.randn(2, 9, 8, dtype=torch.float64)
    inputs = inputs_of(model, enc, torch.tensor([9, 6]))
    results = {mode: search.run(inputs, config) for mode, search in SEARCHES.items()}
    for mode, nbest in results.items():
        assert len(nbest) == 2
        for hypotheses in nbest:
            assert len(hypotheses) == (3 if "beam_size" in SEARCHES[mode].settings else 1)
            scores = [h.score for h in hypotheses]
            assert scores == sorted(scores, reverse=True)
            for h in hypotheses:
                assert (h.ctc_score is None) == ("ctc" not in SEARCHES[mode].heads)
                assert (h.attention_score is None) == ("attention" not in SEARCHES[mode].heads)
        for (best, *_), log_probs, length in zip(nbest, inputs.log_probs, (9, 6)):
            if align_tokens(log_probs[:length], best.tokens) is None:
                assert "ctc" not in SEARCHES[mode].heads and best.frames is best.spans is None
                continue
            for aligned in (best.frames, best.spans, best.token_confidence):
                assert len(aligned) == len(best.tokens)
            assert all(0 <= x <= 1 for x in (best.confidence, *best.token_confidence))
    for h in results["joint_decoding"][0]:
        assert h.score == pytest.approx(0.5 * h.attention_score + 0.5 * h.ctc_score, abs=1e-12)
    first_pass = results["ctc_prefix_beam_search"]
    for rescored, before in zip(results["attention_rescoring"], first_pass):
        assert {h.tokens: h.ctc_score for h in rescored} == {h.tokens: h.score for h in before}
        for h in rescored:
            assert h.score == pytest.approx(h.attention_score + 0.5 * h.ctc_score, abs=1e-12)


@torch.no_grad()
def test_searches_use_their_settings():
    model = tiny_model()
    enc = 3 * torch.randn(1, 9, 8, dtype=torch.float64)
    inputs = inputs_of(model, enc, torch.tensor([9]))

    def run(mode, **settings):
        (nbest,) = SEARCHES[mode].run(inputs, DecodeConfig(**settings).resolve(model))
        return nbest

    for mode, search in SEARCHES.items():
        if "beam_size" in search.settings:
            assert [len(run(mode, beam_size=size)) for size in (2, 5)] == [2, 5]
        if "length_penalty" in search.settings:
            for h in run(mode, length_penalty=0.75, ctc_weight=0.25):
                plain = h.attention_score
                if mode == "joint_decoding":
                    plain = 0.75 * h.attention_score + 0.25 * h.ctc_score
                assert h.score == pytest.approx(plain + 0.75 * len(h.tokens), abs=1e-12)
    for h in run("attention_rescoring", ctc_weight=1.25, reverse_weight=0.75):
        left, right = (
            token_log_probs(
                decoder, torch.tensor([tokens]), lens, enc, inputs.enc_lens, model.sos_eos
            )
            for tokens, lens, decoder in [
                (h.tokens, torch.tensor([len(h.tokens)]), model.decoder),
                (h.tokens[::-1], torch.tensor([len(h.tokens)]), model.reverse_decoder),
            ]
        )
        attention = float(0.25 * left.sum() + 0.75 * right.sum())
        assert h.attention_score == pytest.approx(attention, abs=1e-9)
        assert h.score == pytest.approx(attention + 1.25 * h.ctc_score, abs=1e-9)
