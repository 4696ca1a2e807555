"""Every config of every recipe, whose model is built and trained for a few steps.

A model with hundreds of millions of weights is built without them, with shapes only. It is trained
with fewer and narrower blocks, but with the same kinds of blocks, routers, losses and learning
rate.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from known_files import known_files
from recipe_experiments import recipe_experiments

from moeasr.config import from_mapping, load_yaml
from moeasr.config_bases import load_chain, merge
from moeasr.convert.initialise import start_embedding
from moeasr.experiment.config import load_experiment
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model, count_params
from moeasr.models.config import ModelConfig
from moeasr.models.cost import model_cost
from moeasr.models.encoders.encoder import EncoderConfig
from moeasr.models.encoders.transformer import TransformerConfig
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.train.schedule import learning_rate_factor

EGS = Path(__file__).resolve().parents[2] / "egs"
EXPERIMENTS = recipe_experiments()
VOCAB_SIZE = 31
LARGE = 20_000_000  # number of parameters from which a step takes too long for a test


def build_shapes(config: ModelConfig) -> AsrModel:
    """Build the model without memory for its weights."""
    with torch.device("meta"):
        return build_model(config, 80, VOCAB_SIZE, None)


def macs_per_sec(config: ModelConfig) -> float:
    """Return the multiply-adds per second of audio."""
    return sum(part.macs_per_sec for part in model_cost(build_shapes(config)))


def fewer_weights(config: ModelConfig) -> ModelConfig:
    """Return the same model with at most two blocks per group and with narrow feed-forwards."""

    def narrow(feed_forward: FeedForwardConfig) -> FeedForwardConfig:
        return replace(feed_forward, hidden_units=64)

    def shallow(encoder: EncoderConfig) -> EncoderConfig:
        parts = {key: narrow(part) for key, part in encoder.feed_forwards.items()}
        if isinstance(encoder, TransformerConfig):
            parts["attention_every"] = min(encoder.attention_every, 2)
        num_blocks = 2 * (encoder.num_groups or 1)
        return replace(encoder, num_blocks=num_blocks, subsampling_channels=32, **parts)

    embedding, decoder = config.embedding, config.decoder
    if embedding is not None:
        embedding = replace(embedding, encoder=shallow(embedding.encoder))
    decoder = replace(
        decoder,
        num_blocks=min(decoder.num_blocks, 1),
        num_reverse_blocks=min(decoder.num_reverse_blocks, 1),
        feed_forward=narrow(decoder.feed_forward),
    )
    return replace(config, encoder=shallow(config.encoder), embedding=embedding, decoder=decoder)


def relative(path: Path) -> str:
    return str(path.relative_to(EGS))


def repeated(base: dict, changes: dict, prefix: str = "") -> list[str]:
    """Return the keys of `changes` that have the same value in `base`."""
    found = []
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            found += repeated(base[key], value, f"{prefix}{key}.")
        elif key in base and base[key] == value:
            found.append(prefix + key)
    return found


def test_every_recipe_has_the_common_configs():
    for recipe in known_files("egs/*/run.sh"):
        names = {path.name for path in EXPERIMENTS if path.parent.parent == recipe.parent}
        assert names >= {"u2pp_moe.yaml", "speechmoe.yaml", "shared_moe.yaml", "dense.yaml"}, recipe


@pytest.mark.parametrize("path", EXPERIMENTS, ids=relative)
def test_a_config_contains_only_differences_to_bases_in_its_directory(path):
    """This makes a recipe easy to copy, and shows the differences between systems."""
    *bases, own = load_chain(path)
    assert bases and {base.path.parent for base in bases} == {path.parent}
    merged: dict = {}
    for base in bases:
        merged = merge(merged, base.keys)
    assert repeated(merged, own.keys) == []


@pytest.mark.parametrize("recipe", ["aishell", "librispeech"])
def test_large_systems_have_the_described_size_and_cost(recipe):
    """The descriptions are the comments of the configs."""
    systems = ("dense", "u2pp_moe", "shared_moe")
    models = {
        name: load_experiment(EGS / recipe / "conf" / f"{name}.yaml").model for name in systems
    }
    encoders = {
        name: count_params(build_shapes(model).encoder).total for name, model in models.items()
    }
    assert encoders["shared_moe"] / encoders["dense"] == pytest.approx(1 / 3, abs=0.04)
    costs = {name: macs_per_sec(model) for name, model in models.items()}
    assert costs["shared_moe"] == pytest.approx(costs["dense"], rel=0.02)
    assert costs["u2pp_moe"] > 1.3 * costs["dense"]
    path = EGS / recipe / "conf" / "u2pp_moe.yaml"
    parts = ("encoder.feed_forward", "encoder.macaron_feed_forward", "decoder.feed_forward")
    halved = load_experiment(path, [f"model.{part}.hidden_units=1024" for part in parts]).model
    assert macs_per_sec(halved) == pytest.approx(costs["dense"], rel=0.02)


@pytest.mark.parametrize("path", known_files("egs/*/conf/fbank.yaml"), ids=relative)
def test_every_fbank_yaml_can_be_loaded(path):
    assert from_mapping(FbankConfig, load_yaml(path), path).num_mel_bins == 80


@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=relative)
def test_a_few_steps_on_one_batch_lower_the_loss(path):
    """The learning rate is the one of the config."""
    config = load_experiment(path)
    network = config.model
    if count_params(build_shapes(network)).total > LARGE:
        network = fewer_weights(network)
        assert count_params(build_shapes(network)).total < LARGE
    torch.manual_seed(0)
    model = build_model(network, 80, VOCAB_SIZE, None)
    early = max(100, config.train.schedule.warmup_steps // 10)
    lr = config.train.optim.lr * learning_rate_factor(early, 10 * early, config.train.schedule)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    feats, feats_lens = torch.randn(2, 120, 80) + 10.0, torch.tensor([120, 90])
    tokens, tokens_lens = torch.randint(3, VOCAB_SIZE, (2, 8)), torch.tensor([8, 5])
    languages = torch.tensor([0, 1]) if config.model.labels.names else None
    losses = []
    for step in range(1, 7):
        model.start_step(step)
        output = model(feats, feats_lens, tokens, tokens_lens, languages)
        loss = output.loss / output.weight
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.train.grad_clip)
        optimizer.step()
        losses.append(loss.item())
    assert torch.isfinite(torch.tensor(losses)).all()
    assert min(losses[3:]) < losses[0]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=relative)
def test_only_configs_named_moe_have_experts(path):
    total, active = count_params(build_shapes(load_experiment(path).model))
    assert (active < total) == ("moe" in path.stem and path.stem != "speechmoe_embedding")


@pytest.mark.parametrize("recipe", sorted({path.parent.parent for path in EXPERIMENTS}), ids=str)
def test_the_embedding_of_speechmoe_embedding_has_the_shape_of_that_of_speechmoe(recipe):
    """This is what `init.embedding` requires."""
    moe = load_experiment(recipe / "conf" / "speechmoe.yaml").model
    alone = load_experiment(recipe / "conf" / "speechmoe_embedding.yaml").model
    start_embedding(build_shapes(alone), build_shapes(moe), "the embedding")
