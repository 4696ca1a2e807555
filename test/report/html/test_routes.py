"""The routes and alignments of a data set."""

import numpy as np
import pytest
import torch
from checkpoints import FBANK, UNITS, save_model
from reported import TEXTS, make_reported
from systems import SYSTEMS, make_system

from moeasr.decode.ctc.forced_alignment import align_tokens
from moeasr.decode.recognizer import Recognizer
from moeasr.moe.layer import MoeConfig
from moeasr.report.expert_usage import read_batches
from moeasr.report.html.routes import collect_routes
from moeasr.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    return make_reported(tmp_path_factory.mktemp("reported"))


def test_routes_are_those_of_each_utterance_alone(reported):
    recognizer = Recognizer.from_checkpoint(reported.exp_dir)
    routes = collect_routes(recognizer, reported.data_dir, 1000, shown=["b1"])
    assert [utterance.utt_id for utterance in routes.utterances] == sorted(TEXTS)
    assert list(routes.num_experts.values()) == [3, 3]
    assert routes.starts[-1] == routes.first.shape[1]
    np.testing.assert_array_equal(np.bincount(routes.utterance_of_frame), np.diff(routes.starts))
    _, batches = read_batches(recognizer, reported.data_dir, batch_frames=1)
    for batch in batches:
        (utt_id,) = batch.utt_ids
        place = sorted(TEXTS).index(utt_id)
        with torch.inference_mode():
            output = recognizer.model.encode(batch.feats, batch.feats_lens)
            log_probs = recognizer.model.ctc_log_probs(output.enc)[0]
        wanted = [routing.expert_ids[:, 0].tolist() for routing in output.routings.values()]
        assert routes.of(place).tolist() == wanted
        utterance = routes.utterances[place]
        assert list(utterance.tokens) == batch.tokens[0].tolist()
        assert utterance.spans == align_tokens(log_probs, utterance.tokens).spans
        assert (utterance.feats is not None) == (utt_id == "b1")
        if utt_id == "b1":
            np.testing.assert_array_equal(utterance.feats, batch.feats[0])


def test_a_model_without_experts_has_alignments_only(tmp_path):
    reported = make_reported(tmp_path, has_experts=False)
    recognizer = Recognizer.from_checkpoint(reported.exp_dir)
    routes = collect_routes(recognizer, reported.data_dir, 1000)
    assert routes.num_experts == {} and routes.first.shape == (0, routes.starts[-1])
    assert all(utterance.spans for utterance in routes.utterances)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_has_routes_of_its_encoder(name, reported):
    tokenizer = Tokenizer.from_state(
        {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None}
    )
    model = make_system(name, vocab_size=len(UNITS))
    recognizer = Recognizer(model, tokenizer, FBANK, {}, torch.device("cpu"))
    routes = collect_routes(recognizer, reported.data_dir, 1000)
    layers = model.moe_layers().items()
    wanted = {
        path: layer.experts.num_experts for path, layer in layers if path.startswith("encoder.")
    }
    assert list(routes.num_experts.items()) == list(wanted.items())
    assert routes.first.shape == (len(wanted), routes.starts[-1])
    assert all((row < number).all() for row, number in zip(routes.first, wanted.values()))


def test_a_model_that_routes_by_language_gets_the_languages(reported, tmp_path):
    one = reported.copy(tmp_path)
    experts = MoeConfig(hidden_units=8, num_experts=4, router="language")
    path = save_model(tmp_path / "averaged.pt", experts, languages=("de", "en"))
    (one.data_dir / "utt2lang").write_text("a1 de\na2 en\nb1 de\nb2 en\n")
    routes = collect_routes(Recognizer.from_checkpoint(path), one.data_dir, 1000)
    owners = [set((routes.of(place) // 2).ravel().tolist()) for place in range(4)]
    assert owners == [{0}, {1}, {0}, {1}]
