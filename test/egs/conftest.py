"""Fixtures shared by the tests of recipes."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

EGS = Path(__file__).resolve().parents[2] / "egs"


@pytest.fixture
def local_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Import `local_module(recipe, name)` from the `local/` of a recipe, as its run.sh does.

    A recipe is a name in `egs/` or the path of a copy. The modules are removed from `sys.modules`
    after the test, since two recipes may have files of one name.
    """
    before = set(sys.modules)
    folders = set()

    def load(recipe: str | Path, name: str) -> ModuleType:
        folder = EGS / recipe / "local"
        folders.add(folder)
        monkeypatch.syspath_prepend(str(folder))
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent in folders:
            del sys.modules[name]


@pytest.fixture
def prepare(local_module, tmp_path: Path) -> Callable[..., Path]:
    """Run data_prep.py by `prepare(recipe, download_dir, *options)`; return the data directory."""

    def run(recipe: str, download_dir: Path, *options: str) -> Path:
        where = ["--unpack-dir", str(tmp_path / "unpacked"), "--data-dir", str(tmp_path / "data")]
        module = local_module(recipe, "data_prep")
        module.main(["--download-dir", str(download_dir), *where, *options])
        return tmp_path / "data"

    return run
