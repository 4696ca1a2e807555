"""`run`, which all entry points use: exceptions, signals and encodings."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import moeasr.bin
from moeasr.__main__ import entry_names
from moeasr.bin import run
from moeasr.errors import InputError, LostContactError
from moeasr.rank_report import VARIABLE, parse_report


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("wav.scp:3: no such file"), "wav.scp:3: no such file"),
        (OSError(28, "No space left on device", "out.ark"), "out.ark: No space left on device"),
    ],
)
def test_invalid_input_gives_one_sentence_and_a_nonzero_status(error, message):
    with pytest.raises(SystemExit) as caught:
        run(raising(error))
    assert str(caught.value.code).endswith(f": {message}")  # a string is printed, with status 1


def all_memory():
    torch.empty(10**17)


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (all_memory, "DefaultCPUAllocator"),
        (
            raising(torch.OutOfMemoryError("CUDA out of memory. Tried\nhints")),
            "CUDA out of memory.",
        ),
        (raising(MemoryError()), "Python"),
    ],
)
def test_out_of_memory_gives_one_sentence_with_advice(main, message):
    with pytest.raises(SystemExit) as caught:
        run(main)
    sentence = caught.value.code
    assert "out of memory (" in sentence and message in sentence and "\n" not in sentence
    assert "use smaller batches" in sentence


def test_a_missing_package_gives_one_sentence_with_advice():
    def main():
        import no_such_package.part  # noqa: F401

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert f"{sys.executable} lacks the package no_such_package; " in caught.value.code
    assert "`. ./path.sh`" in caught.value.code


def test_a_missing_module_of_moeasr_is_a_bug_and_keeps_its_traceback():
    def main():
        import moeasr.no_such_module  # noqa: F401

    with pytest.raises(ModuleNotFoundError):
        run(main)


def test_an_unexpected_exception_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="a bug"):
        run(raising(RuntimeError("a bug")))
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """Return a function that reads the report to the launcher of this process."""
    os.mkfifo(tmp_path / "reports")
    pipe = os.open(tmp_path / "reports", os.O_RDWR | os.O_NONBLOCK)
    monkeypatch.setenv(VARIABLE, f"{os.getppid()}:{tmp_path}/reports")
    monkeypatch.setenv("RANK", "1")
    yield lambda: parse_report(os.read(pipe, 10**5))
    os.close(pipe)


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (InputError("line 3 is bad"), "failed", "line 3 is bad"),
        (LostContactError("process 1 lost contact"), "lost", "process 1 lost contact"),
        (OSError(28, "No space left on device", "a.pt"), "failed", "a.pt: No space left on device"),
        (MemoryError(), "failed", "out of memory (Python); use smaller batches"),
    ],
)
def test_a_launcher_prints_the_sentence_of_its_process(reports, error, kind, sentence):
    with pytest.raises(SystemExit) as caught:
        run(raising(error))
    assert caught.value.code == 1  # without a message
    report = reports()
    assert report[:2] == (1, kind) and report.text.startswith(sentence)


def test_a_launcher_is_told_of_a_bug_whose_traceback_the_process_prints(reports):
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError("by 0")))
    sentence = r"ZeroDivisionError: by 0 \(test_run.py, line \d+\); its traceback appears above"
    assert re.fullmatch(sentence, reports().text)


def test_ctrl_c_exits_with_status_130():
    with pytest.raises(SystemExit) as caught:
        run(raising(KeyboardInterrupt()))
    assert caught.value.code == 130


def test_a_closed_output_pipe_gives_status_141_without_a_message():
    """As in `moeasr ...

    head`. The status is 128 + SIGPIPE.
    """
    reading, writing = os.pipe()
    os.close(reading)
    code = "from moeasr.bin import run; run(lambda: print('text', flush=True))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_handler_of_sigterm_is_restored():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run(lambda: None)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1:strict"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("command", [["moeasr"], ["moeasr.bin.make_dict"]])
def test_output_is_utf8_in_every_locale(locale, command, tmp_path):
    (tmp_path / "text").write_text("u1 买手机\n", encoding="utf-8")
    (tmp_path / "検査").write_text("u1 買う\n", encoding="utf-8")
    entry = ["make-dict"] if command == ["moeasr"] else []
    options = ["--text", "text", "--out-dir", "lang", "--check-text"]
    call = [sys.executable, "-m", *command, *entry, *options]
    keep = {"cwd": tmp_path, "env": {**os.environ, **locale}, "capture_output": True}
    done = subprocess.run([*call, "検査"], **keep)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.decode("utf-8").splitlines()
    checked = next(line for line in printed if line.startswith("検査: 1 utterance"))
    assert checked.endswith("become <unk>: 買 (1 time), う (1 time)")
    done = subprocess.run([*call, "ないファイル"], **keep)
    assert done.returncode == 1
    assert done.stderr.decode("utf-8").endswith("file ないファイル does not exist\n")


def test_a_file_name_in_another_encoding_keeps_its_bytes():
    call = "run(lambda: print(os.fsdecode(b'caf\\xe9 \\xc3\\xa9')))"
    code = f"import os; from moeasr.bin import run; {call}"
    environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.stdout == b"caf\xe9 \xc3\xa9\n", done.stderr


def test_every_entry_point_uses_run():
    for name in entry_names():
        text = (Path(moeasr.bin.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        assert re.search(r'if __name__ == "__main__":\n    (sys\.exit\()?run\(', text), name


WRITES_SLOWLY = """
import time
from moeasr.atomic import atomic_path
from moeasr.bin import run
from moeasr.data.background import in_background

def square(number):
    time.sleep(0.01)
    return number * number

def main():
    with atomic_path("result") as temporary, open(temporary, "w") as file:
        for value in in_background(square, range(10**9), 2):
            print(value, file=file)
            print("writing", flush=True)

run(main)
"""


def test_sigterm_stops_an_entry_point_with_one_sentence_and_leaves_no_file(tmp_path):
    (tmp_path / "slow.py").write_text(WRITES_SLOWLY)
    pipe, command = subprocess.PIPE, [sys.executable, "slow.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            for _ in range(3):
                assert process.stdout.readline() == "writing\n"
            process.send_signal(signal.SIGTERM)
            error = process.communicate(timeout=120)[1]
        finally:
            process.kill()
    assert (process.returncode, error) == (143, "slow.py: stopped by SIGTERM\n")
    assert [path.name for path in tmp_path.iterdir()] == ["slow.py"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("validate_data_dir", "--no-feats", "--check-audio", "."),
        ("get_utt2dur", "."),
        ("compute_cmvn", "--data-dir", ".", "--data-type", "raw", "--out", "cmvn"),
        ("compute_cmvn", "--data-dir", ".", "--data-type", "raw", "--nj", "2", "--out", "cmvn"),
    ],
    ids=" ".join,
)
def test_sigterm_stops_an_entry_point_that_waits_for_another_program(tmp_path, command):
    tables = {"wav.scp": "touch begun; exec sleep 900 |", "utt2spk": "s", "text": "HI"}
    for name, value in tables.items():
        (tmp_path / name).write_text(f"a {value}\nb {value}\n")
    (tmp_path / "spk2utt").write_text("s a b\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fbank.yaml").write_text("sample_rate_hz: 16000\n")
    argv = [sys.executable, "-m", f"moeasr.bin.{command[0]}", *command[1:]]
    null = subprocess.DEVNULL
    with subprocess.Popen(argv, cwd=tmp_path, stdout=null, stderr=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 120
            while not (tmp_path / "begun").exists():
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 143
        finally:
            process.kill()
            process.stderr.close()
    assert not (tmp_path / "cmvn").exists()
