"""The lists of systems for `moeasr compare`, in which every line is a model that can be built."""

from dataclasses import replace
from pathlib import Path

import pytest

from moeasr.compare.option_texts import SeriesOptions
from moeasr.compare.series import plan_series
from moeasr.compare.system_list import read_systems
from moeasr.errors import InputError
from moeasr.experiment.config import load_experiment
from moeasr.models.build import build_model, count_params
from moeasr.score.comparison_files import TableChoice

EGS = Path(__file__).resolve().parents[2] / "egs"


FULL, REDUCED = "compare.list", "compare_reduced.list"
SIGNALS = "compare_signals.list"
REDUCED_BUDGET = ["model.encoder.num_blocks=6", "model.decoder.num_blocks=1"]


def systems(name: str, recipe: str = "an4") -> dict[str, tuple[str, list[str]]]:
    """Return system -> config and overrides, for one seed."""
    found = {}
    for line in (EGS / recipe / "conf" / name).read_text().splitlines():
        if fields := line.partition("#")[0].split():
            overrides = [field for field in fields[2:] if not field.startswith("seeds=")]
            found[fields[0]] = (fields[1], [text.format(exp="exp", seed=1) for text in overrides])
    return found


def load(config: str, overrides: list[str], recipe: str = "an4"):
    return load_experiment(EGS / recipe / config, overrides)


@pytest.mark.parametrize(
    ("name", "config", "overrides"),
    [
        pytest.param(name, config, budget + overrides, id=f"{listed}-{name}")
        for listed, budget in ((FULL, []), (REDUCED, REDUCED_BUDGET), (SIGNALS, REDUCED_BUDGET))
        for name, (config, overrides) in systems(listed).items()
    ],
)
def test_every_system_of_an4_can_be_loaded(name, config, overrides):
    loaded = load(config, overrides)
    # the teacher has the same seed
    teacher = "exp/dense_seed1/averaged.pt" if name.endswith("_kd") else None
    assert loaded.distillation.teacher == teacher


LISTS = sorted(EGS.glob("*/conf/*.list"))


@pytest.mark.parametrize("path", LISTS, ids=[str(path.relative_to(EGS)) for path in LISTS])
def test_every_list_of_a_recipe_is_read(path, monkeypatch):
    monkeypatch.chdir(path.parents[1])
    assert read_systems(path.relative_to(path.parents[1]))


@pytest.mark.parametrize("recipe", ["fsdd", "mini", "mix", "speechocean762"])
def test_systems_of_other_recipes_have_no_teacher(recipe):
    """Their lists contain no system that could be the teacher."""
    found = systems(FULL, recipe)
    assert {"dense", "u2pp_moe"} <= found.keys()
    for config, overrides in found.values():
        assert load(config, overrides, recipe).distillation.teacher is None


@pytest.mark.parametrize("listed", [FULL, REDUCED])
def test_random_of_an4_is_u2pp_moe_with_random_routers(listed):
    moe, drawn = (load(*systems(listed)[name]).model for name in ("u2pp_moe", "random"))
    encoder, decoder = moe.encoder, moe.decoder
    assert drawn == replace(
        moe,
        encoder=replace(
            encoder,
            feed_forward=replace(encoder.feed_forward, router="random"),
            macaron_feed_forward=replace(encoder.macaron_feed_forward, router="random"),
        ),
        decoder=replace(decoder, feed_forward=replace(decoder.feed_forward, router="random")),
    )


def test_dense_models_of_an4_match_the_active_and_total_parameters_of_u2pp_moe():
    params = {}
    for name in ("dense", "dense_total", "u2pp_moe"):
        loaded = load(*systems(FULL)[name])
        params[name] = count_params(build_model(loaded.model, 80, 31, None))
    moe = params["u2pp_moe"]
    assert params["dense"].total == pytest.approx(moe.active, rel=0.01)
    assert params["dense_total"].total == pytest.approx(moe.total, rel=0.01)


@pytest.mark.parametrize(("listed", "budget"), [(FULL, []), (REDUCED, REDUCED_BUDGET)])
def test_the_encoder_of_shared_moe_of_an4_has_a_third_of_the_parameters(listed, budget):
    sizes = []
    for name in ("shared_moe", "dense"):
        config, overrides = systems(listed)[name]
        encoder = build_model(load(config, budget + overrides).model, 80, 31).encoder
        sizes.append(count_params(encoder).total)
    assert sizes[0] / sizes[1] == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize("recipe", sorted(path.parent.name for path in EGS.glob("*/run.sh")))
@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (TableChoice("dense", "none", "attention_rescoring", -1), "--set none is not among the"),
        (TableChoice("dense", "none", "attention_rescoring", 7), "--chunk-size 7 is not among the"),
        (TableChoice("dense", "none", "none", 7), "--mode none is not among the --decode-modes"),
    ],
)
def test_a_comparison_of_results_that_the_recipe_does_not_decode_is_refused(
    recipe, choice, message, tmp_path, monkeypatch
):
    """This happens before any training, by the defaults of the recipe's run.sh."""
    monkeypatch.chdir(EGS / recipe)
    listed = tmp_path / "compare.list"
    listed.write_text("dense conf/dense.yaml\n")
    with pytest.raises(InputError, match=message):
        plan_series(SeriesOptions(str(listed), "1", "1", "exp", "", "", "", "3", "5"), choice)
