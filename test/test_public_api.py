"""`import moeasr`: quick, and easy to explore."""

import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import moeasr
from moeasr.errors import InputError


def test_importing_the_package_imports_the_standard_library_alone():
    """The import takes a hundredth of a second, and `moeasr --help` does not load torch."""
    code = (
        "import sys; before = set(sys.modules); import moeasr\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"moeasr"}


def test_help_shows_how_a_model_is_loaded():
    assert set(moeasr.__all__) <= set(dir(moeasr))
    text = pydoc.plain(pydoc.render_doc(moeasr))
    assert "load(path:" in text and 'asr.transcribe("a.wav")' in text
    names = ["path", "device", "quantize", "num_threads", "experts_per_frame"]
    assert list(inspect.signature(moeasr.load).parameters) == names
    assert issubclass(InputError, ValueError)


def test_the_package_has_types():
    assert Path(moeasr.__file__).with_name("py.typed").is_file()
