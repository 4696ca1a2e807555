"""The version that moeasr prints."""

import subprocess

from moeasr import __version__, version


def test_the_version_line_names_version_commit_and_checkout(monkeypatch):
    monkeypatch.setattr(version, "describe_commit", lambda: "abc123")
    assert version.describe_version() == f"moeasr {__version__}, commit abc123, {version.CHECKOUT}"
    assert (version.CHECKOUT / "moeasr" / "version.py").is_file()


def test_the_commit_is_unknown_outside_of_a_repository(monkeypatch, tmp_path):
    monkeypatch.setattr(version, "CHECKOUT", tmp_path)
    assert version.describe_commit() == "unknown"
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    commit = ["git", "-C", tmp_path, *who, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(commit, check=True)
    assert len(version.describe_commit()) >= 7 and version.describe_commit() != "unknown"
