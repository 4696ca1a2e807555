"""Learning-rate schedules. They are pure functions of the step, so that they have no state."""

import math
from collections.abc import Callable

from moeasr.train.config import ScheduleConfig


def warmup_inverse_sqrt(step: int, total_steps: int, config: ScheduleConfig) -> float:
    """Return min(s / w, sqrt(w / s)) at step s with w warm-up steps, whose peak is 1.

    This is the schedule of "Attention Is All You Need", section 5.3, scaled as in WeNet.
    """
    step = max(step, 1)
    return min(step / config.warmup_steps, math.sqrt(config.warmup_steps / step))


def warmup_cosine(step: int, total_steps: int, config: ScheduleConfig) -> float:
    """Return a linear rise to 1 in the warm-up, then half a cosine down to `final_ratio`."""
    if step <= config.warmup_steps:
        return max(step, 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return config.final_ratio + (1 - config.final_ratio) * cosine


SCHEDULES: dict[str, Callable[[int, int, ScheduleConfig], float]] = {
    "warmup_inverse_sqrt": warmup_inverse_sqrt,
    "warmup_cosine": warmup_cosine,
}


def learning_rate_factor(step: int, total_steps: int, config: ScheduleConfig) -> float:
    """Return the ratio of the learning rate to its peak at an optimizer step, counted from 1."""
    return SCHEDULES[config.name](step, total_steps, config)
