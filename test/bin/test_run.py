"""What an entry point makes of exceptions."""

import pytest

from moeasr.bin import run
from moeasr.errors import InputError


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
def test_bad_input_is_one_sentence_and_a_non_zero_exit(error, message):
    with pytest.raises(SystemExit) as caught:
        run(raising(error))
    assert str(caught.value.code).endswith(f": {message}")  # a string: printed, and status 1


def test_a_bug_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


def test_ctrl_c_exits_as_a_shell_expects():
    with pytest.raises(SystemExit) as caught:
        run(raising(KeyboardInterrupt()))
    assert caught.value.code == 130
