"""tools/: the packages of an environment are checked, and a missing environment is created."""

import importlib.util
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
from setuptools import setup
setup(name="moeasr", install_requires={base!r}, extras_require={{"dev": {dev!r}}})
"""


@pytest.fixture
def check_env():
    spec = importlib.util.spec_from_file_location("check_env", ROOT / "tools" / "check_env.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_checkout(tmp_path: Path, base: list[str], dev: list[str]) -> Path:
    """A checkout with the real tools and a setup.py of its own."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("venv"))
    (root / "setup.py").write_text(SETUP.format(base=base, dev=dev))
    return root


def test_real_requirements_are_read(check_env):
    base, extras = check_env.read_requirements(ROOT / "setup.py")
    assert "torch~=2.11.0" in base and "soundfile>=0.12.1" in base
    assert "espeakng-loader>=0.2.4" in extras["dev"]


@pytest.mark.parametrize("python_version", ["3.10", "3.11", "3.12", "3.13"])
def test_each_requirement_has_one_tested_version_within_its_bounds(check_env, python_version):
    lines = (ROOT / "tools/constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line[0] != "#"]
    environment = {"python_version": python_version}
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(set(names)) == len(names)
    version_of = {
        name: str(pin.specifier).removeprefix("==") for name, pin in zip(names, pins, strict=True)
    }
    base, extras = check_env.read_requirements(ROOT / "setup.py")
    for requirement in map(Requirement, [*base, *extras["dev"], *extras["plot"]]):
        assert str(requirement.specifier), f"{requirement} has no bound"
        tested = version_of[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(tested), requirement


def test_each_fault_is_told(check_env, monkeypatch):
    installed = {"torch": "2.11.0+cpu", "torchaudio": "2.12.1"}

    def version(name):
        if name not in installed:
            raise check_env.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(check_env, "version", version)
    assert check_env.find_fault("torch~=2.11.0") is None
    assert check_env.find_fault("torch") is None
    assert check_env.find_fault("jiwer") == "jiwer is not installed"
    fault = check_env.find_fault("torchaudio~=2.11.0")
    assert fault == "torchaudio is 2.12.1, but torchaudio~=2.11.0 is needed"
    assert check_env.find_fault("torchaudio~=2.12.0") is None
    assert check_env.find_fault("torchaudio~=2.12.2") is not None
    assert check_env.find_fault("torch>=2.9") is None  # 11 is more than 9
    assert check_env.find_fault("torch>=2.11.0") is None
    fault = check_env.find_fault("torch>=2.11.1")
    assert fault == "torch is 2.11.0+cpu, but torch>=2.11.1 is needed"


def test_this_environment_passes_and_imports_nothing_heavy(check_env):
    code = (
        "import runpy, sys; sys.argv[1:] = ['dev'];"
        f"runpy.run_path({str(ROOT / 'tools' / 'check_env.py')!r}, run_name='__main__');"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_package_of_a_recipe_is_told(tmp_path):
    root = make_checkout(tmp_path, ["numpy"], ["pytest"])
    command = [sys.executable, root / "tools" / "check_env.py"]
    assert subprocess.run([*command, "dev", "soundfile"], check=False).returncode == 0
    done = subprocess.run(
        [*command, "no-such-package"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "no-such-package is not installed\n")


def run_install(root: Path, *options: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [root / "tools" / "install.sh", *options],
        env={"PATH": "/usr/bin:/bin", "HOME": str(root), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def fake_python(tmp_path):
    """A python3 whose `-m venv` and `-m pip` only leave traces, so that nothing is downloaded."""
    path = tmp_path / "fake" / "python3"
    path.parent.mkdir()
    path.write_text(
        f"""#!/bin/bash
here=$(cd "$(dirname "$0")/.." && pwd)
case "$*" in
  "-m venv --clear "*)
    rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; ln -s python "$4/bin/python3"
    echo venv >>"{tmp_path}/trace" ;;
  "-m pip install "*) echo "ERROR: pip's reason"
    echo pip >>"{tmp_path}/trace"; echo "$*" >>"{tmp_path}/pip"
    exit "$(cat "{tmp_path}/pip_exit")" ;;
  "-c import pip, sys; print(sys.prefix)") echo "$here" ;;
  "-c import torch"*) ;;
  *check_env.py*) ;;
  *) exec "{sys.executable}" "$@" ;;
esac
"""
    )
    path.chmod(0o755)
    (tmp_path / "pip_exit").write_text("0")
    return path


def trace(tmp_path: Path) -> list[str]:
    """Return the names of environments created since the last call."""
    path = tmp_path / "trace"
    lines = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_install_is_made_once_and_again_when_stale(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    done = run_install(root, PYTHON=str(fake_python))
    assert done.returncode == 0 and "pip" not in done.stderr
    assert trace(tmp_path) == ["venv", "pip"]
    assert run_install(root, PYTHON=str(fake_python)).returncode == 0
    assert trace(tmp_path) == []
    with (root / "setup.py").open("a") as handle:
        handle.write("# another requirement\n")
    assert run_install(root, PYTHON=str(fake_python)).returncode == 0
    assert trace(tmp_path) == ["pip"]


def test_other_tested_versions_update_the_environment(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    constraints = root / "tools" / "constraints.txt"
    run_install(root, PYTHON=str(fake_python))
    assert f"--constraint {constraints} -e" in (tmp_path / "pip").read_text()
    with constraints.open("a") as handle:
        handle.write("numpy==2.9.9\n")
    trace(tmp_path)
    assert run_install(root, PYTHON=str(fake_python)).returncode == 0
    assert trace(tmp_path) == ["pip"]


def test_latest_versions_stay_until_they_are_asked_for_again(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    run_install(root, PYTHON=str(fake_python))
    (tmp_path / "pip").unlink()
    trace(tmp_path)
    assert run_install(root, "--latest", PYTHON=str(fake_python)).returncode == 0
    assert "--constraint" not in (tmp_path / "pip").read_text()
    assert "--upgrade" in (tmp_path / "pip").read_text()
    assert trace(tmp_path) == ["pip"]
    run_install(root, PYTHON=str(fake_python))  # as every recipe calls it
    assert trace(tmp_path) == []
    run_install(root, "--latest", PYTHON=str(fake_python))
    assert trace(tmp_path) == ["pip"]
    done = run_install(root, "--newest", PYTHON=str(fake_python))
    assert done.returncode == 1 and "Usage:" in done.stderr
    assert trace(tmp_path) == []


@pytest.mark.skipif(shutil.which("flock") is None, reason="flock is not installed")
def test_two_at_once_make_one_environment(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    slow = fake_python.read_text().replace("echo pip >>", "sleep 1; echo pip >>")
    fake_python.write_text(slow)
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(run_install, root, PYTHON=str(fake_python)) for _ in range(2)]
        done = [run.result() for run in runs]
    assert [run.returncode for run in done] == [0, 0]
    assert trace(tmp_path) == ["venv", "pip"]
    assert sum("waiting for another process" in run.stderr for run in done) == 1


def test_half_made_environment_is_not_taken_for_whole(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    (tmp_path / "pip_exit").write_text("1")
    done = run_install(root, PYTHON=str(fake_python))
    assert done.returncode == 1
    assert "ERROR: pip's reason\n" in done.stderr and "run it again to go on" in done.stderr
    (tmp_path / "pip_exit").write_text("0")
    trace(tmp_path)
    assert run_install(root, PYTHON=str(fake_python)).returncode == 0
    assert trace(tmp_path) == ["pip"]  # what pip had got is not thrown away


def test_full_disk_is_told_with_the_room_that_is_needed(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    text = fake_python.read_text()
    reason = "ERROR: Could not install packages: [Errno 28] No space left on device"
    fake_python.write_text(text.replace("ERROR: pip's reason", reason))
    (tmp_path / "pip_exit").write_text("1")
    done = run_install(root, PYTHON=str(fake_python), TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert re.search(
        rf"a disk is full: {root}/tools/venv needs 5\.5 GB and has [0-9.]+ GB left; "
        rf"{tmp_path} needs 2\.5 GB more and has [0-9.]+ GB left",
        done.stderr,
    )


def test_moved_environment_is_made_anew(tmp_path, fake_python):
    root = make_checkout(tmp_path, [], [])
    assert run_install(root, PYTHON=str(fake_python)).returncode == 0
    moved = tmp_path / "moved"
    root.rename(moved)
    broken = moved / "tools" / "venv" / "bin" / "python"
    broken.write_text(broken.read_text().replace('echo "$here"', "echo /somewhere/else"))
    trace(tmp_path)
    assert run_install(moved, PYTHON=str(fake_python)).returncode == 0
    assert trace(tmp_path) == ["venv", "pip"]


def test_old_python_is_refused_in_a_sentence(tmp_path):
    root = make_checkout(tmp_path, [], [])
    old = tmp_path / "old" / "python3"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.8.10 && exit\nexit 1\n')
    old.chmod(0o755)
    for name in ("bash", "cksum", "dirname", "cat", "env"):
        (old.parent / name).symlink_to(shutil.which(name))
    done = run_install(root, PATH=str(old.parent))
    assert done.returncode == 1
    assert "Python 3.10 or newer is required, but python3 is Python 3.8.10" in done.stderr
    assert not (root / "tools" / "venv").exists()


def test_activate_makes_the_environment_where_there_is_none(tmp_path, fake_python):
    root = make_checkout(tmp_path, ["no-such-package"], [])
    script = f'set -euo pipefail; . "{root}/tools/activate.sh"; command -v python3'
    env = {"PATH": "/usr/bin:/bin", "HOME": str(root), "PYTHON": str(fake_python)}
    done = subprocess.run(
        ["bash", "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{root}/tools/venv/bin/python3"
    (root / "tools" / "venv" / ".complete").unlink()
    (tmp_path / "pip_exit").write_text("1")
    done = subprocess.run(
        ["bash", "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stdout == ""
