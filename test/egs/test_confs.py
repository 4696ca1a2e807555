"""Every YAML of every recipe: it loads, its network is built as described, and it learns a step."""

from pathlib import Path

import pytest
import torch

from moeasr.config import from_mapping, load_yaml
from moeasr.experiment import load_experiment
from moeasr.features.fbank import FbankConfig
from moeasr.models.build import build_model, count_params
from moeasr.models.init import start_embedding
from moeasr.train.schedule import learning_rate_factor

EGS = Path(__file__).resolve().parents[2] / "egs"
EXPERIMENTS = sorted(path for path in EGS.glob("*/conf/*.yaml") if path.name != "fbank.yaml")
VOCAB_SIZE = 31


def relative(path: Path) -> str:
    return str(path.relative_to(EGS))


def test_each_recipe_has_its_experiments():
    for recipe in EGS.glob("*/run.sh"):
        names = {path.name for path in EXPERIMENTS if path.parent.parent == recipe.parent}
        assert names >= {"u2pp_moe.yaml", "speechmoe.yaml", "shared_moe.yaml", "dense.yaml"}, recipe


@pytest.mark.parametrize("path", sorted(EGS.glob("*/conf/fbank.yaml")), ids=relative)
def test_features_load(path):
    assert from_mapping(FbankConfig, load_yaml(path), path).num_mel_bins == 80


@pytest.mark.parametrize("path", EXPERIMENTS, ids=relative)
def test_experiment_learns_a_batch(path):
    """Some steps on one batch, at the config's own learning rate, lower its loss."""
    config = load_experiment(path)
    torch.manual_seed(0)
    model = build_model(config.model, 80, VOCAB_SIZE, None)
    lr = config.train.optim.lr * learning_rate_factor(100, 1000, config.train.schedule)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    feats, feats_lens = torch.randn(2, 120, 80) + 10.0, torch.tensor([120, 90])
    tokens, tokens_lens = torch.randint(3, VOCAB_SIZE, (2, 8)), torch.tensor([8, 5])
    losses = []
    for _ in range(6):
        output = model(feats, feats_lens, tokens, tokens_lens)
        loss = output.loss / output.weight
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.train.grad_clip)
        optimizer.step()
        losses.append(loss.item())
    assert torch.isfinite(torch.tensor(losses)).all()
    assert min(losses[3:]) < losses[0]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=relative)
def test_experts_are_where_the_name_says(path):
    total, active = count_params(build_model(load_experiment(path).model, 80, VOCAB_SIZE, None))
    assert (active < total) == ("moe" in path.stem and path.stem != "speechmoe_embedding")


@pytest.mark.parametrize("recipe", sorted({path.parent.parent for path in EXPERIMENTS}), ids=str)
def test_a_trained_embedding_network_fits_the_speechmoe(recipe):
    """What `init.embedding` is given must be of its shape."""
    moe = load_experiment(recipe / "conf" / "speechmoe.yaml").model
    alone = load_experiment(recipe / "conf" / "speechmoe_embedding.yaml").model
    start_embedding(
        build_model(alone, 80, VOCAB_SIZE), build_model(moe, 80, VOCAB_SIZE), "the embedding"
    )
