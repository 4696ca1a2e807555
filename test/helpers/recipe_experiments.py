"""The experiments of the recipes, for tests that run over all of them."""

from pathlib import Path

from known_files import known_files

NO_EXPERIMENTS = ("common.yaml", "fbank.yaml")
"""Configs that no experiment is started with: the base of the others, and the features."""


def recipe_experiments() -> list[Path]:
    """Return the config of every experiment of every recipe, sorted."""
    configs = known_files("egs/*/conf/*.yaml")
    return [path for path in configs if path.name not in NO_EXPERIMENTS]
