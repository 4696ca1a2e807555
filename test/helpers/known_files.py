"""The files of this checkout that tests and linters check.

These are the files that git tracks, so that the recipes of a user are not checked. In a tree
without git (an archive of the source), all files are checked.

Example:
  python3 test/helpers/known_files.py '**/*.sh' '.ci/*'     # their names, each with a NUL behind it
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path("tools", "venv")


def known_files(*patterns: str, root: Path = ROOT) -> list[Path]:
    """Return the regular files below `root` that match one of some patterns, sorted.

    Args:
        patterns: Globs from `root`; `**` stands for any number of directories.
        root: The checkout.
    """
    found = _known_to_git(root, patterns)
    if found is None:
        found = [path for pattern in patterns for path in root.glob(pattern)]
        environment = root / ENVIRONMENT
        found = [path for path in found if environment not in path.parents]
    return sorted({path for path in found if path.is_file() and not path.is_symlink()})


def _known_to_git(root: Path, patterns: tuple[str, ...]) -> list[Path] | None:
    """Return the files in git that match the patterns; None if `root` is not in a repository."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--"]
    try:
        is_known = subprocess.run([*command, "setup.py"], capture_output=True, check=True).stdout
        globs = [f":(glob){pattern}" for pattern in patterns]
        listed = subprocess.run([*command, *globs], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return [root / name for name in listed.decode().split("\0") if name] if is_known else None


if __name__ == "__main__":
    for file in known_files(*sys.argv[1:]):
        sys.stdout.write(f"{file.relative_to(ROOT)}\0")
