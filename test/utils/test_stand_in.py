"""utils/decoders: programs for preparation scripts where flac, sph2pipe and sox are missing."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from moeasr.bin import run
from moeasr.bin.stand_in import main

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = (np.arange(2000) * 37 % 65535 - 32767).astype(np.int16)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.flac", SAMPLES, 16000)
    soundfile.write("a.wav", SAMPLES, 16000)
    content = (tmp_path / "a.wav").read_bytes()  # with a chunk that lacks its byte of padding
    odd = content[:36] + b"LIST\5\0\0\0abcde" + content[36:]
    (tmp_path / "odd.wav").write_bytes(odd)
    soundfile.write("a.sph", np.stack([SAMPLES, -SAMPLES], 1), 8000, format="NIST")
    return tmp_path


@pytest.mark.parametrize(
    ("call", "samples", "rate_hz"),
    [
        (["flac", "-c", "-d", "-s", "a.flac"], SAMPLES, 16000),
        (["sph2pipe", "-f", "wav", "-p", "-c", "2", "a.sph"], -SAMPLES, 8000),
        (["sox", "a.sph", "-t", "wav", "-", "remix", "1"], SAMPLES, 8000),
        (["sox", "odd.wav", "-t", "wav", "-"], SAMPLES, 16000),
    ],
)
def test_they_write_what_the_program_would(folder, capfdbinary, call, samples, rate_hz):
    main(call)
    written, rate = soundfile.read(io.BytesIO(capfdbinary.readouterr().out), dtype="int16")
    assert rate == rate_hz
    assert np.array_equal(written, samples)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["flac", "--version"], "cannot run `flac --version` without flac"),
        (["sox", "a.sph", "b.wav"], "cannot run `sox a.sph b.wav` without sox"),
        (["sph2pipe", "-f", "wav", "a.sph"], "a.sph has several channels"),
        (["sph2pipe", "-f", "wav", "-c", "3", "a.sph"], "a.sph has no channel 3, only 2"),
        (["flac", "-c", "-d", "no.flac"], "no.flac: No such file"),
    ],
)
def test_what_they_cannot_do_is_one_sentence(folder, capfdbinary, call, message):
    with pytest.raises(SystemExit) as stopped:
        run(lambda: main(call))
    assert message in str(stopped.value)
    assert capfdbinary.readouterr().out == b""


@pytest.mark.slow
def test_path_sh_puts_them_behind_what_is_installed(folder):
    """They are found by `which flac` and in Kaldi's place for sph2pipe. A real flac comes first."""
    env = {
        "PATH": f"{folder}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": "/nonexistent",
    }
    (folder / "bin").mkdir()
    script = (
        f'. "{ROOT}/egs/an4/path.sh"; command -v flac; '
        "[ -x $KALDI_ROOT/tools/sph2pipe_v2.5/sph2pipe ] && echo there; "
        "flac -c -d -s - < a.flac | wc -c"
    )

    def answers():
        return subprocess.run(
            ["bash", "-c", script], env=env, capture_output=True, text=True, check=True
        ).stdout.split()

    found, there, size = answers()
    assert (Path(found), there, int(size)) == (ROOT / "utils/decoders/flac", "there", 4044)
    (folder / "bin/flac").write_text("#!/bin/sh\necho real\n")
    (folder / "bin/flac").chmod(0o755)
    assert answers()[0] == f"{folder}/bin/flac"
    assert os.access(ROOT / "utils/decoders/sox", os.X_OK)
