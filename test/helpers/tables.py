"""Data directories as mappings from file names to contents."""

from collections.abc import Mapping
from pathlib import Path


def write_tables(path: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a data directory, bytes kept as they are, and return its path."""
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text.encode())
    return path


def read_tables(path: Path) -> dict[str, str]:
    """Return the files of a directory, without hidden ones and directories."""
    return {p.name: p.read_text() for p in path.iterdir() if p.is_file() and p.name[0] != "."}
