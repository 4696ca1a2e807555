"""Settings of end points and their ranges."""

import pytest

from moeasr.decode.live.config import EndpointConfig
from moeasr.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blank_threshold": 1.0}, "`blank_threshold` must be between 0 and 1, but is 1.0"),
        ({"rule2_min_trailing_silence": 0.0}, "`rule2_min_trailing_silence` must be above 0"),
        ({"rule3_min_utterance_length": -1.0}, "`rule3_min_utterance_length` must be above 0"),
    ],
)
def test_values_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        EndpointConfig(**settings)
