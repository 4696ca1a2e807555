"""The recipes' lists of systems for utils/compare.sh: every line is a network that can be built."""

from pathlib import Path

import pytest

from moeasr.experiment import load_experiment
from moeasr.models.build import build_model, count_params

EGS = Path(__file__).resolve().parents[2] / "egs"


def systems(recipe: str) -> dict[str, tuple[str, list[str]]]:
    """Name -> config and overrides, of a seed."""
    found = {}
    for line in (EGS / recipe / "conf/compare.list").read_text().splitlines():
        if fields := line.partition("#")[0].split():
            overrides = [field for field in fields[2:] if not field.startswith("seeds=")]
            found[fields[0]] = (fields[1], [text.format(exp="exp", seed=1) for text in overrides])
    return found


@pytest.mark.parametrize("name", systems("an4"))
def test_an4_system_loads(name):
    config, overrides = systems("an4")[name]
    loaded = load_experiment(EGS / "an4" / config, overrides)
    assert (loaded.distillation.teacher is not None) == name.endswith("_kd")


def test_an4_has_the_dense_models_of_the_moes_active_and_total_parameters():
    params = {}
    for name in ("dense", "dense_total", "u2pp_moe"):
        config, overrides = systems("an4")[name]
        loaded = load_experiment(EGS / "an4" / config, overrides)
        params[name] = count_params(build_model(loaded.model, 80, 31, None))
    moe = params["u2pp_moe"]
    assert params["dense"].total == pytest.approx(moe.active, rel=0.01)
    assert params["dense_total"].total == pytest.approx(moe.total, rel=0.01)
