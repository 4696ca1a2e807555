"""The version, the commit and the checkout of the moeasr that runs."""

import subprocess
from pathlib import Path

from moeasr import __version__

CHECKOUT = Path(__file__).resolve().parents[1]
"""The directory that holds `moeasr/`."""


def describe_commit() -> str:
    """Return what `git describe` says of the checkout that this package runs from, or "unknown"."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def describe_version() -> str:
    """Return version, commit and path of the checkout in one line."""
    return f"moeasr {__version__}, commit {describe_commit()}, {CHECKOUT}"
