"""Programs with logs, and how they end."""

import re
import signal
import threading
import time
from pathlib import Path

import pytest

from moeasr.compare.process_groups import ProcessGroups


def test_the_log_has_the_form_of_run_pl(tmp_path):
    log = tmp_path / "run.log"
    command = ["sh", "-c", "echo out; echo err >&2; cat; exit 3"]
    assert ProcessGroups().run(command, log) == 3
    date = r"\w{3} \w{3} [ \d]\d [\d:]{8} \S+ \d{4}"
    assert re.fullmatch(
        '# sh -c "echo out; echo err >&2; cat; exit 3"\n'
        rf"# Started at {date}\n#\nout\nerr\n"
        rf"# Accounting: time=(\d+) threads=1\n"
        rf"# Ended \(code 3\) at {date}, elapsed time \1 seconds\n",
        log.read_text(),
    )
    assert ProcessGroups().run(["true"], log) == 0
    assert "# Ended (code 0) at" in log.read_text() and "out" not in log.read_text()


def test_words_reach_the_program_as_they_are(tmp_path):
    log = tmp_path / "run.log"
    words = ["a  b", "", "$HOME", "`x`", "*", "a|b", "it's", '"', "\\"]
    ProcessGroups().run(["printf", "<%s>\\n", *words], log)
    lines = log.read_text().splitlines()
    assert [line[1:-1] for line in lines if line.startswith("<")] == words


def test_a_program_that_a_signal_ends_has_not_ended_well(tmp_path):
    log = tmp_path / "run.log"
    assert ProcessGroups().run(["sh", "-c", "kill -9 $$"], log) == -9
    assert "# Ended (code 0; signal 9)" in log.read_text()


def test_a_program_that_does_not_exist_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match=r"no-such-program"):
        ProcessGroups().run(["./no-such-program"], tmp_path / "run.log")


def is_running(pid: int) -> bool:
    """Return whether a process has not ended; a zombie has ended, but nobody waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("grandchild", ["sleep 60", "trap '' TERM; sleep 60 & wait; sleep 60"])
def test_stop_ends_all_that_a_program_has_started(tmp_path, grandchild):
    """The second grandchild does not listen to SIGTERM."""
    groups, log = ProcessGroups(grace_sec=0.3), tmp_path / "run.log"
    # the program itself ends at once; what it has started might live on
    script = f'sh -c "{grandchild}" & echo pid $! ready; wait'
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(groups.run(["sh", "-c", script], log)))
    thread.start()
    deadline = time.monotonic() + 60
    while not (
        found := re.search(r"^pid (\d+) ready", log.read_text() if log.exists() else "", re.M)
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert is_running(int(found[1]))
    groups.stop()
    thread.join(60)
    assert codes == [-signal.SIGTERM] and groups.is_stopped
    assert not is_running(int(found[1]))
    assert groups.run(["touch", str(tmp_path / "late")], log) == -signal.SIGTERM
    assert not (tmp_path / "late").exists()
