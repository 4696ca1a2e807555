"""The bounds of sample rates and speeds are themselves allowed."""

from collections.abc import Callable

import pytest

from moeasr.audio.bounds import check_new_rate, check_rate, check_speed
from moeasr.errors import InputError


def check_rate_of_file(rate_hz: int) -> None:
    check_rate(rate_hz, "a.wav")


@pytest.mark.parametrize(
    ("check", "allowed", "refused"),
    [
        (check_rate_of_file, (1000, 8000, 1_000_000), (999, 1_000_001, 0, -1)),
        (check_new_rate, (1000, 8000, 1_000_000), (999, 1_000_001, 0, -1)),
        (check_speed, (0.1, 1.0, 10.0), (0.0999, 10.001, 0.0, -1.0)),
    ],
)
def test_bounds(check: Callable[[float], None], allowed: tuple, refused: tuple) -> None:
    for value in allowed:
        check(value)
    for value in refused:
        with pytest.raises(InputError, match=str(value).removesuffix(".0")):
            check(value)
