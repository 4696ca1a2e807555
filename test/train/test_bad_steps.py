"""Steps that a training leaves out."""

import pytest

from moeasr.errors import InputError
from moeasr.train.bad_steps import count_bad_step
from moeasr.train.progress import Progress


def test_a_good_step_ends_the_count(caplog):
    progress = Progress(step=7, bad_in_a_row=2)
    count_bad_step(progress, False, ["a b"], 9)
    assert progress.bad_in_a_row == 3
    assert "step 7: loss is not finite, batch left out: a b" in caplog.text
    assert "gradient" not in caplog.text
    count_bad_step(progress, True, ["c"], 9)  # another micro-batch of the step was finite
    assert progress.bad_in_a_row == 0


def test_too_many_bad_steps_in_a_row_end_the_training(caplog):
    progress = Progress(step=7, bad_in_a_row=1)
    with pytest.raises(InputError, match=r"2 steps in a row \(up to step 7\) had no finite loss"):
        count_bad_step(progress, False, [], 2)
    assert "step 7: gradient is not finite, step left out" in caplog.text
