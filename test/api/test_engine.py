"""The interface of runtimes."""

import subprocess
import sys

import pytest

from moeasr.api.checkpoint_engine import CheckpointEngine
from moeasr.api.engine import Engine
from moeasr.deploy.folder_engine import FolderEngine


@pytest.mark.parametrize("kind", [CheckpointEngine, FolderEngine])
def test_engines_have_all_members_of_the_protocol(kind):
    needed = {name for name in vars(Engine) if not name.startswith("_")}
    assert {"transcriber", "open_stream", "modes"} <= needed <= set(dir(kind))


def test_the_api_does_not_import_torch():
    program = (
        "import sys, moeasr.api.speech_recognizer, moeasr.bin.transcribe, moeasr.bin.stream;"
        "import moeasr.audio.input_files, moeasr.audio.live_input, moeasr.report.live_lines;"
        "import moeasr.report.transcript_output;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
