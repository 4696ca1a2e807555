"""The package's structure: imports point downwards, rooms and files are small, names are unique."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import moeasr

PACKAGE = Path(moeasr.__file__).parent
TESTS = Path(__file__).parent
FOUNDATIONS = {
    "atomic",
    "batch_plan",
    "bars",
    "checkpoint",
    "config",
    "config_bases",
    "config_roles",
    "distributed",
    "errors",
    "fields",
    "job_display",
    "job_log",
    "labels",
    "limits",
    "lock",
}
FOUNDATIONS |= {
    "families",
    "logs",
    "low_rank",
    "metrics_file",
    "module_names",
    "open_files",
    "options",
    "parser",
    "plurals",
    "ranges",
    "rank_report",
    "rank_watch",
    "rendezvous",
    "seed",
    "signals",
    "strict_json",
    "text_lines",
    "version",
    "yaml_text",
}
ALLOWED = {
    "jobs": set(),
    "datadir": set(),
    "audio": {"datadir"},
    "corpus": {"datadir", "audio", "text.normalize"},  # what transcripts may not contain
    "features": set(),
    "text": {"datadir"},
    "augment": {"datadir", "audio", "text"},
    "kaldi": {"datadir", "audio", "features", "augment"},
    "data": {"datadir", "audio", "features", "text", "augment"},
    "nn": set(),
    "moe": {"nn"},
    "models": {"nn", "moe"},
    "convert": {"nn", "moe", "models"},
    "decode": {"models", "features", "text"},
    "score": {"text"},
    "compare": {"jobs", "score"},
    # records and pure functions of them only: the trainer is given its model
    "train": {"models.outputs", "moe.stats"},
    "experiment": {
        *("datadir", "features", "text", "augment", "data", "models", "convert", "decode"),
        *("score", "train", "report"),
    },
    "interop": {"features", "text", "nn", "moe", "models"},
}
ALLOWED["export"] = {"datadir", "audio", "features", "text", "data", "nn", "moe", "models"}
ALLOWED["export"] |= {"decode", "score"}
ALLOWED["api"] = {"audio", "text", "decode"}
ALLOWED["deploy"] = {"audio", "features.fbank_config", "text", "decode", "api"}
ALLOWED["export"] |= {"deploy"}
ALLOWED["serve"] = {"audio", "decode", "api", "deploy"}
ALLOWED["serve"] |= {"report.captions", "report.transcript_forms"}  # they do without models
ALLOWED["__init__"] = {"api", "deploy"}
ALLOWED["report"] = set(ALLOWED) - {
    *("jobs", "corpus", "kaldi", "experiment", "interop", "export", "deploy", "serve", "__init__")
}
ALLOWED["bin"] = set(ALLOWED)
ALLOWED["__main__"] = {"bin"}

MAX_LINES, MAX_ENTRY_LINES, MAX_SHARE = 300, 120, 0.15
"""Limits on the lines of a file and of an entry point, and on the share of a room."""


def module_paths() -> dict[str, Path]:
    """Return the package's modules without `moeasr.`; a package is the module of its name."""
    paths = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        paths[".".join(part for part in parts if part != "__init__")] = path
    return paths


def num_lines(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def imported_modules(path: Path, for_types: bool = True) -> set[str]:
    """Return the names below `moeasr.` that a file imports, wherever in the file.

    Args:
        path: The file.
        for_types: Include what is imported `if TYPE_CHECKING`, for annotations only.
    """
    names = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), for_types):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            # `from moeasr import x` and `from moeasr.models import outputs` both name modules
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("moeasr.") for name in names if name.startswith("moeasr.")}


def _nodes(tree: ast.AST, for_types: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types or not is_for_types:
            yield node
            yield from _nodes(node, for_types)


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


def find_circles(imports: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the largest groups of modules in which each one imports each other one in the end."""
    reached = {name: set(targets) for name, targets in imports.items()}
    for middle in reached:
        for targets in reached.values():
            if middle in targets:
                targets |= reached[middle]
    circles = []
    for name in reached:
        circle = {other for other in reached[name] if name in reached[other]} | {name}
        if name in reached[name] and circle not in circles:
            circles.append(circle)
    return circles


def test_every_module_imports_downwards_only():
    """The reference is the table in moeasr/__init__.py."""
    found = []
    for path in module_paths().values():
        parts = path.relative_to(PACKAGE).parts
        found += faults(path, parts[0] if len(parts) > 1 else path.stem)
    assert not found, "\n".join(found)


def test_every_room_is_in_the_table():
    """A new room or top-level module must be given its place."""
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    modules = {p.stem for p in PACKAGE.glob("*.py")}
    assert rooms | modules == set(ALLOWED) | FOUNDATIONS


def test_every_room_is_in_the_readme():
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert [room for room in rooms if f"`{room}/`" not in text] == []


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
    """A check that cannot fail would be useless."""
    path = tmp_path / "module.py"
    path.write_text(line)
    assert bool(faults(path, room)) == is_fault


def test_no_module_imports_itself_through_others():
    """Imports for annotations do not count: a router is built from a config that names it."""
    paths = module_paths()
    imports = {}
    for module, path in paths.items():
        targets = set()
        for name in imported_modules(path, for_types=False):
            while name not in paths:  # an attribute of a module; "" is the package
                name = name.rpartition(".")[0]
            targets.add(name)
        imports[module] = targets - {module}
    assert find_circles(imports) == []


def test_circles_are_found():
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}, "f": {"d"}}
    assert find_circles(imports) == [{"a", "b", "c"}, {"d", "e"}]
    assert find_circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_imports_are_found_wherever_they_stand(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import moeasr.errors\nfrom moeasr import seed\nfrom os import path\n"
        "if TYPE_CHECKING:\n    from moeasr.nn.mask import make_mask\n"
        "def f():\n    from moeasr.text.bpe import train_bpe\n"
    )
    run_time = {"errors", "seed", "text.bpe.train_bpe"}
    assert imported_modules(path, for_types=False) == run_time
    assert imported_modules(path) == run_time | {"nn.mask.make_mask"}


def test_files_and_entry_points_are_short():
    found = {}
    for path in module_paths().values():
        name = str(path.relative_to(PACKAGE))
        limit = MAX_ENTRY_LINES if name.startswith("bin/") else MAX_LINES
        if num_lines(path) > limit:
            found[name] = num_lines(path)
    assert not found


def test_no_room_holds_too_much_of_the_package():
    sizes = Counter()
    for path in module_paths().values():
        parts = path.relative_to(PACKAGE).parts
        sizes[parts[0] if len(parts) > 1 else "foundations"] += num_lines(path)
    total = sum(sizes.values())
    shares = {room: size / total for room, size in sizes.items()}
    assert max(shares.values()) <= MAX_SHARE, shares


def test_a_file_name_says_one_thing():
    """Only the name config.py may repeat, because it is beside the modules that it configures."""
    names = Counter(path.stem for path in module_paths().values())
    repeated = {name for name, count in names.items() if count > 1}
    assert repeated <= {"__init__", "config"}


def test_every_module_of_bin_is_a_command():
    files = {path for path in module_paths().values() if path.parent.name == "bin"}
    names = {str(path.relative_to(PACKAGE)) for path in files if path.stem.startswith("_")}
    assert names <= {"bin/__init__.py"}


def has_test_file(path: Path) -> bool:
    """Return whether a module has a test file of its name in its room.

    An entry point that a script of utils/ calls may have it with the tests of that script.
    """
    place = path.relative_to(PACKAGE)
    rooms = [place.parent, "utils"] if place.parts[0] == "bin" else [place.parent]
    return any((TESTS / room / f"test_{place.name}").is_file() for room in rooms)


def test_every_module_has_a_test_file_of_its_name():
    modules = [path for path in module_paths().values() if path.name != "__init__.py"]
    missing = {str(path.relative_to(PACKAGE)) for path in modules if not has_test_file(path)}
    assert not missing
