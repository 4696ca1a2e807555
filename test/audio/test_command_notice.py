"""The notice that reading a wav.scp runs commands."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.audio.command_notice import command_notice
from moeasr.audio.commands import NO_COMMANDS


@pytest.fixture
def wav(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "a.wav", np.ones(100) / 2, 16000)
    return str(tmp_path / "a.wav")


def test_the_first_command_is_named(wav: str) -> None:
    entries = [("a", wav), ("b", " tr x y <b.wav | "), ("c", "head c.wav |")]
    assert command_notice("data/wav.scp", entries) == (
        "data/wav.scp: reading this table runs shell commands, the first one for b: "
        "`tr x y <b.wav` (to forbid them, set MOEASR_NO_COMMANDS=1)"
    )


def test_files_and_commands_that_moeasr_emulates_are_not_announced(wav: str) -> None:
    emulated = f"python3 -m moeasr.bin.perturb_speed 0.9 {wav} |"
    missing = "sox missing.wav -t wav - |"
    entries = [("a", wav), ("b", "x.ark:12"), ("c", f"cat {wav} |"), ("d", emulated)]
    assert command_notice("wav.scp", [*entries, ("e", missing)]) is None


def test_forbidden_commands_are_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_COMMANDS, "1")
    assert command_notice("wav.scp", [("b", "head b.wav |")]) is None
