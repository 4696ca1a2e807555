"""Settings of end points in streams."""

from dataclasses import dataclass

from moeasr.errors import InputError
from moeasr.options import Seconds


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """Rules that end an utterance (Kaldi's), of which one is enough.

    The default times are those of WeNet's `ctc_endpoint.h`.
    """

    rule1_min_trailing_silence: Seconds = 5.0
    """Silence that ends an utterance, whether or not something was said."""
    rule2_min_trailing_silence: Seconds = 1.0
    """Silence that ends an utterance once something was said."""
    rule3_min_utterance_length: Seconds = 20.0
    """Time that ends an utterance, whatever is said."""
    blank_threshold: float = 0.8
    """Probability of the CTC blank above which a frame is silent."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 < self.blank_threshold < 1:
            raise InputError(
                f"`blank_threshold` must be between 0 and 1, but is {self.blank_threshold}"
            )
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"`{name}` must be above 0, but is {value}")
