"""Tell whether this Python has the packages that moeasr needs, without importing any of them.

Every recipe runs this check when it starts. Importing torch takes seconds; reading the names and
versions of the installed packages takes a few hundredths of a second.

Example:
  python3 tools/check_env.py dev      # what recipes need, and the extra `dev` of setup.py
"""

import ast
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent / "setup.py"
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*(?:(~=|>=)\s*([0-9.]+))?$")


def read_requirements(setup_file: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The `install_requires` list and the `extras_require` dictionary of a setup.py."""
    for node in ast.walk(ast.parse(setup_file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup":
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            base = ast.literal_eval(keywords["install_requires"])
            return base, ast.literal_eval(keywords["extras_require"])
    raise SystemExit(f"{setup_file}: there is no call of setup()")


def find_fault(requirement: str) -> str | None:
    """Return a sentence if this environment does not meet `requirement`, else None.

    It has one of the forms `name`, `name~=1.2.3` and `name>=1.2.3`.

    (A Python older than 3.10 cannot even read this line, and so is no environment for moeasr.)
    """
    match = REQUIREMENT.match(requirement)
    if match is None:
        forms = "`name`, `name~=1.2.3` and `name>=1.2.3`"
        raise SystemExit(f"{SETUP}: '{requirement}' has none of the forms {forms}")
    name, operator, release = match.groups()
    try:
        installed = version(name)
    except PackageNotFoundError:
        return f"{name} is not installed"
    if operator is None:
        return None
    # `~=2.11.0` means any 2.11; a local suffix such as +cpu does not matter
    found, bound = numbers(installed), numbers(release)
    series = bound[:-1] if operator == "~=" else ()
    if found[: len(series)] != series or found < bound:
        return f"{name} is {installed}, but {requirement} is needed"
    return None


def numbers(release: str) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 11, 0) for "2.11.0+cpu" and for "2.11.0rc1"."""
    return tuple(map(int, re.match(r"[0-9]+(?:\.[0-9]+)*", release)[0].split(".")))


def main(wanted: list[str]) -> None:
    """Print each fault and exit 1 if there is one.

    Args:
        wanted: Names of packages, or of extras of setup.py, that are needed besides the base.
    """
    requirements, extras = read_requirements(SETUP)
    for name in wanted:
        requirements = requirements + extras.get(name, [name])
    faults = [fault for fault in map(find_fault, requirements) if fault]
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(sys.argv[1:])
