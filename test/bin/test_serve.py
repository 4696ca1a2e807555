"""The `serve` command."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from torch_folder import exp_dir, folder, sound

from moeasr.bin import serve
from moeasr.errors import InputError

__all__ = ["exp_dir", "folder", "sound"]


def test_a_missing_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(InputError, match=r"package aiohttp; .*pip install -e '\.\[serve\]'"):
        serve.main(["--model", str(folder)])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--host", "0.0.0.0"], "lets other machines use the server"),
        (["--cert", "a.pem"], "--cert needs --key"),
        (["--max-clients", "0"], "`max_clients` must be above 0"),
        (["--blank-threshold", "2"], "`blank_threshold` must be between 0 and 1"),
        (["--model", "nowhere"], "model folder nowhere does not exist"),
        (["--mode", "fast"], "cannot do mode 'fast'"),
    ],
)
def test_wrong_options_are_refused(folder, options, sentence):
    pytest.importorskip("aiohttp")
    with pytest.raises(InputError, match=sentence):
        serve.main(["--model", str(folder), *options])


def test_it_serves_until_ctrl_c(folder, monkeypatch, fails_rather_than_hangs):
    pytest.importorskip("aiohttp")

    def read(url):
        with urllib.request.urlopen(f"{url}health") as answer:
            found.append(json.load(answer))
        os.kill(os.getpid(), signal.SIGINT)

    found = []
    lines = []

    def announce(line, flush):
        lines.append(line)
        threading.Thread(target=read, args=(line.split()[0],)).start()

    monkeypatch.setattr(serve, "print", announce, raising=False)
    serve.main(["--model", str(folder), "--port", "0"])
    assert found[0]["status"] == "ok"
    assert lines[0].endswith("/ serves tiny, 0.0 MB, onnxruntime, fp32; Ctrl-C ends it")


@pytest.mark.slow
def test_no_torch_is_imported():
    pytest.importorskip("aiohttp")
    code = (
        "import sys, moeasr.bin.serve, moeasr.serve.application, moeasr.serve.server\n"
        "sys.exit('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(serve.__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
