"""Data never runs code: no module calls a reader that could run code."""

import ast
from pathlib import Path

import moeasr

ROOT = Path(moeasr.__file__).parents[1]
GENERIC = {"load_mat", "load_ark", "load_scp", "load_scp_sequential", "read_kaldi"}
GENERIC |= {"extractall", "unsafe_load", "full_load", "load_all", "system", "popen", "getoutput"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
SAFE = {  # calls that are safe by their arguments
    ("torch", "load"): {"weights_only": True},
    ("np", "load"): {"allow_pickle": False},
    ("numpy", "load"): {"allow_pickle": False},
}
# Results of this process's own forks, through pipes that nobody else can write to.
OWN_BYTES = {("moeasr/data/background.py", "pickle.load")}


def calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def fault(call: ast.Call) -> str | None:
    """Return why a call must not be made on foreign bytes."""
    values = {word.arg: getattr(word.value, "value", None) for word in call.keywords}
    if values.get("shell") is True:
        return "starts a shell"
    if not isinstance(call.func, ast.Attribute):
        return call.func.id if getattr(call.func, "id", "") in {"eval", "exec"} else None
    owner, name = getattr(call.func.value, "id", ""), call.func.attr
    if name in GENERIC:
        return name
    if owner in MODULES and name in ("load", "loads", "open", "Unpickler"):
        return f"{owner}.{name}"
    for argument, wanted in SAFE.get((owner, name), {}).items():
        if values.get(argument) is not wanted:
            return f"{owner}.{name} without {argument}={wanted}"
    if (owner, name) == ("yaml", "load"):
        loader = next((w.value for w in call.keywords if w.arg == "Loader"), None)
        return None if getattr(loader, "id", "") == "_UniqueKeyLoader" else "yaml.load"
    return None


def test_no_reader_that_could_run_code_is_called():
    files = [
        path
        for room in ("moeasr", "egs", "utils", "tools")
        for path in sorted((ROOT / room).rglob("*.py"))
        if "venv" not in path.parts
    ]
    assert len(files) > 200
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {fault(call)}"
        for path in files
        for call in calls(path)
        if fault(call) and (str(path.relative_to(ROOT)), fault(call)) not in OWN_BYTES
    ]
    assert not found, "\n".join(found)


def test_such_a_call_would_be_found():
    lines = {
        "kaldiio.load_mat(entry)": "load_mat",
        "pickle.load(file)": "pickle.load",
        "torch.load(path)": "torch.load without weights_only=True",
        "torch.load(path, weights_only=False)": "torch.load without weights_only=True",
        "np.load(path, allow_pickle=True)": "np.load without allow_pickle=False",
        "yaml.load(file, Loader=yaml.Loader)": "yaml.load",
        "subprocess.run(command, shell=True)": "starts a shell",
        "tar.extractall(folder)": "extractall",
        "eval(text)": "eval",
        "model.eval()": None,
        "torch.load(path, weights_only=True)": None,
    }
    for line, expected in lines.items():
        call = ast.parse(line).body[0].value
        assert fault(call) == expected, line
