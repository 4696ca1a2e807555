"""Initialisation of a model with new weights or with those of a trained model."""

import dataclasses

import pytest
import torch
from experiments import DENSE, FBANK, TOKENIZER, UNITS, content_of
from rounding import NETWORK_STEPS, assert_close

from moeasr import checkpoint
from moeasr.convert.adapters import LoraConfig
from moeasr.errors import InputError
from moeasr.experiment.config import InitConfig
from moeasr.experiment.start import load_trained, start_model
from moeasr.models.build import build_model
from moeasr.models.embedding import EmbeddingConfig
from moeasr.moe.layer import MoeConfig
from moeasr.text.tokenizer import Tokenizer


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": None}, "lacks 'config'"),
        ({"model": None}, "lacks 'model'"),
        ({"config": {"model": {"depth": 3}}}, "unknown key 'depth'"),
        (
            {"tokenizer": {**TOKENIZER.state(), "units": [*UNITS[:-1], "x"]}},
            "trained with other output units; .* .only `init.from` allows other units",
        ),
        ({"tokenizer": {"units": "x"}}, "'tokenizer.units' is not a list"),
        ({"tokenizer": 3}, "'tokenizer' is not a section"),
        ({"fbank": {}}, "lacks 'fbank.num_mel_bins'"),
        ({"model": {"w": 3}}, "'w' of its model is not a tensor"),
        (
            {"fbank": {"num_mel_bins": 40}},
            "trained with other filter banks; write `num_mel_bins: 40` in place of 20 to conf/fb",
        ),
        ({"model": {}}, "weights do not match its config"),
    ],
)
def test_an_invalid_trained_model_is_refused_with_its_name(tmp_path, changes, reason):
    checkpoint.save(tmp_path / "bad.pt", content_of(DENSE, **changes))
    with pytest.raises(InputError, match=f"bad.pt.*{reason}"):
        load_trained(str(tmp_path / "bad.pt"), TOKENIZER, FBANK)


def test_each_kind_of_initialisation(tmp_path):
    """Cases: the same network, a dense network for experts, and messages with the faulty file."""
    path = str(tmp_path / "dense.pt")
    checkpoint.save(path, content_of(DENSE))
    trained = load_trained(path, TOKENIZER, FBANK)
    feats, lens = torch.randn(1, 60, 20), torch.tensor([60])
    checkpoint.save(tmp_path / "averaged.pt", content_of(DENSE))
    in_directory = load_trained(str(tmp_path), TOKENIZER, FBANK)
    assert torch.equal(in_directory.encode(feats, lens).enc, trained.encode(feats, lens).enc)
    same = build_model(DENSE.model, 20, len(UNITS)).eval()
    start_model(same, InitConfig(model=path), TOKENIZER, FBANK)
    assert torch.equal(same.encode(feats, lens).enc, trained.encode(feats, lens).enc)
    experts = MoeConfig(num_experts=4)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    moe = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS)).eval()
    new = start_model(moe, InitConfig(dense=path), TOKENIZER, FBANK)
    assert new == ["encoder.blocks.0.feed_forward.router"]
    with pytest.raises(InputError, match="freeze new weights in encoder.blocks.0.feed_forward.rou"):
        LoraConfig(rank=2).attach(moe, new)
    assert_close(moe.encode(feats, lens).enc, trained.encode(feats, lens).enc, NETWORK_STEPS)
    with pytest.raises(InputError, match=r"dense\.pt: there is nothing to upcycle"):
        start_model(same, InitConfig(dense=path), TOKENIZER, FBANK)
    for other in ("dense", "embedding"):
        with pytest.raises(InputError, match="cannot be combined with `init.dense`"):
            InitConfig(model=path, **{other: path})


def test_a_new_embedding_network_begins_with_the_encoder_it_is_given(tmp_path):
    path = str(tmp_path / "dense.pt")
    checkpoint.save(path, content_of(DENSE))
    trained = load_trained(path, TOKENIZER, FBANK)
    experts = MoeConfig(num_experts=4, router="embedding")
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    embedding = EmbeddingConfig(encoder=DENSE.model.encoder)
    config = dataclasses.replace(DENSE.model, encoder=encoder, embedding=embedding)
    model = build_model(config, 20, len(UNITS))
    new = start_model(model, InitConfig(embedding=path), TOKENIZER, FBANK)
    assert new == ["encoder", "ctc", "decoder", "reverse_decoder"]
    for name, weight in trained.encoder.state_dict().items():
        assert torch.equal(model.embedding.encoder.state_dict()[name], weight)


def test_new_parts_of_an_upcycled_model_are_known(tmp_path):
    """Routers, experts beside a shared expert, and modules that the dense model does not have."""
    path = str(tmp_path / "dense.pt")
    checkpoint.save(path, content_of(DENSE))
    shared = MoeConfig(num_experts=4, router="embedding", shared_expert_units=2048)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=shared)
    embedding = EmbeddingConfig(encoder=DENSE.model.encoder)
    config = dataclasses.replace(DENSE.model, encoder=encoder, embedding=embedding)
    layer = "encoder.blocks.0.feed_forward"
    for settings, others in (({}, ["embedding"]), ({"embedding": path}, [])):
        model = build_model(config, 20, len(UNITS))
        new = start_model(model, InitConfig(dense=path, **settings), TOKENIZER, FBANK)
        assert new == [f"{layer}.router", f"{layer}.experts", *others]


def test_one_line_says_what_a_fine_tuned_model_has_from_its_checkpoint(tmp_path, caplog):
    caplog.set_level("INFO")
    path = str(tmp_path / "dense.pt")
    checkpoint.save(path, content_of(DENSE))
    units = [*UNITS[:3], "x", *"cb"]
    tokenizer = Tokenizer.from_state({**TOKENIZER.state(), "units": units})
    model = build_model(DENSE.model, 20, len(units))
    modules = ("encoder", "ctc")
    new = start_model(model, InitConfig(from_=path, modules=modules), tokenizer, FBANK)
    assert new == ["decoder", "reverse_decoder", "ctc.project"]
    assert caplog.messages == [
        f"initialised from {path}: copied encoder, ctc; new units: x; new modules: decoder, "
        "reverse_decoder; CMVN comes from the checkpoint, not from --cmvn (`init.cmvn: checkpoint`)"
    ]
    trained = load_trained(path, TOKENIZER, FBANK)
    new, old = model.ctc.project.weight, trained.ctc.project.weight
    assert torch.equal(new[4:], old[[5, 4]]) and not (new[3] == old).all(dim=1).any()


def test_routers_that_cannot_learn_are_warned_of(caplog):
    experts = MoeConfig(num_experts=4, experts_per_frame=1, expert_weights="one")
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    moe = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS))
    start_model(moe, InitConfig(), TOKENIZER, FBANK)
    assert "`expert_weights: one` gives " in caplog.text and "feed_forward" in caplog.text
    caplog.clear()
    start_model(build_model(DENSE.model, 20, len(UNITS)), InitConfig(), TOKENIZER, FBANK)
    assert not caplog.text


@pytest.mark.parametrize("kind", ["model", "from_", "dense"])
@pytest.mark.parametrize("cmvn", ["checkpoint", "corpus"])
def test_a_model_that_begins_with_another_has_the_cmvn_asked_for(tmp_path, caplog, kind, cmvn):
    caplog.set_level("INFO")
    path = str(tmp_path / "dense.pt")
    content = content_of(DENSE)
    content["model"]["cmvn.mean"].fill_(5.0)
    checkpoint.save(path, content)
    experts = MoeConfig(num_experts=4)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    config = dataclasses.replace(DENSE.model, encoder=encoder) if kind == "dense" else DENSE.model
    corpus = (torch.full((20,), 3.0), torch.full((20,), 2.0))
    model = build_model(config, 20, len(UNITS), corpus)
    start_model(model, InitConfig(**{kind: path, "cmvn": cmvn}), TOKENIZER, FBANK)
    own = cmvn == "corpus"
    assert model.cmvn.mean.unique().tolist() == [3.0 if own else 5.0]
    assert model.cmvn.istd.unique().tolist() == [2.0 if own else 1.0]
    assert f"from {path}" in caplog.text
    assert ("CMVN comes from --cmvn" if own else "CMVN comes from the checkpoint") in caplog.text
