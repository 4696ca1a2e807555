"""The package's import table: every room imports only the rooms below it."""

import ast
from pathlib import Path

import pytest

import moeasr

PACKAGE = Path(moeasr.__file__).parent
FOUNDATIONS = {
    "atomic",
    "checkpoint",
    "config",
    "config_bases",
    "distributed",
    "errors",
    "fields",
    "limits",
    "lock",
}
FOUNDATIONS |= {
    "families",
    "logs",
    "open_files",
    "ranges",
    "seed",
    "strict_json",
    "text_lines",
    "yaml_text",
}
ALLOWED = {
    "datadir": set(),
    "audio": {"datadir"},
    "corpus": {"datadir", "audio"},
    "features": set(),
    "text": {"datadir"},
    "kaldi": {"datadir", "audio", "features"},
    "data": {"datadir", "audio", "features", "text"},
    "nn": set(),
    "moe": {"nn"},
    "models": {"nn", "moe"},
    "convert": {"nn", "moe", "models"},
    "decode": {"models", "features", "text"},
    "score": {"text"},
    "compare": {"score"},
    # records and pure functions of them only: the trainer is given its model
    "train": {"models.outputs", "moe.stats"},
    "experiment": {"datadir", "features", "text", "data", "models", "convert", "train"},
    "interop": {"features", "text", "nn", "moe", "models"},
}
ALLOWED["report"] = set(ALLOWED) - {"corpus", "kaldi", "experiment", "interop"}
ALLOWED["bin"] = set(ALLOWED)
ALLOWED["__main__"] = {"bin"}


def imported_modules(path: Path) -> set[str]:
    """Names below `moeasr.` that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            # `from moeasr import x` and `from moeasr.models import outputs` both name modules
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("moeasr.") for name in names if name.startswith("moeasr.")}


def faults(path: Path, room: str) -> list[str]:
    """Imports of a file that its room may not make."""
    found = []
    for name in imported_modules(path):
        target = name.partition(".")[0]
        if target in FOUNDATIONS or target == room or target.startswith("__"):
            continue
        allowed = ALLOWED.get(room, set())
        if not any(name == entry or name.startswith(entry + ".") for entry in allowed):
            found.append(f"{path} imports moeasr.{name}")
    return found


def test_every_module_imports_downwards_only():
    """The drawing in moeasr/__init__.py, held to."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        found += faults(path, parts[0] if len(parts) > 1 else path.stem)
    assert not found, "\n".join(found)


def test_every_room_is_in_the_table():
    """A new room or top-level module must be given its place."""
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    modules = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__"}
    assert rooms | modules == set(ALLOWED) | FOUNDATIONS


@pytest.mark.parametrize(
    ("room", "line", "is_fault"),
    [
        ("nn", "from moeasr.moe.losses import z_loss", True),
        ("train", "from moeasr.models.asr import AsrModel", True),
        ("train", "from moeasr.models.outputs import LossOutput", False),
        ("data", "def f():\n    from moeasr.models import build", True),
        ("config", "from moeasr.text.normalize import normalize", True),
    ],
)
def test_the_check_itself_catches_a_fault(tmp_path, room, line, is_fault):
    """A check that cannot fail would be worth nothing."""
    path = tmp_path / "module.py"
    path.write_text(line)
    assert bool(faults(path, room)) == is_fault
