"""Training times from log files."""

from pathlib import Path

from moeasr.score.logged_training_time import logged_training_time

LOG = """\
2026-01-01 10:00:00 INFO train: parameters: 2 total, 1 active per frame
2026-01-01 10:00:40 INFO moeasr.train.trainer: epoch 1: train loss 5.0, 40 s
Traceback of something
2026-01-01 10:01:00 INFO moeasr.train.trainer: stopped by SIGTERM at step 9
2026-01-03 08:00:00 INFO train: parameters: 2 total, 1 active per frame
2026-01-03 08:00:30 INFO moeasr.train.trainer: training finished: 2 epochs, 12 steps
2026-01-04 08:00:00 INFO train: parameters: 2 total, 1 active per frame
2026-01-04 08:00:00 INFO moeasr.train.trainer: training is already finished: 2 epochs
"""


def test_training_time_is_the_sum_of_all_sessions_without_pauses(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    assert logged_training_time(log) is None
    log.write_text("2026-01-01 10:00:00 INFO something else\n")
    assert logged_training_time(log) is None
    log.write_text(LOG)
    assert logged_training_time(log) == 60 + 30
