"""Settings of end points in streams."""

from dataclasses import dataclass

from moeasr.errors import InputError
from moeasr.options import Seconds


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """Kaldi's rules for the end of an utterance, which ends as soon as one of them applies.

    The default times are those of WeNet's `ctc_endpoint.h`, except that rule 2 waits for 0.5 s
    instead of 1.0 s. Speakers pause for less than a second between sentences, and a model that was
    trained on single sentences makes more errors on several sentences in one utterance.
    """

    rule1_min_trailing_silence: Seconds = 5.0
    """Duration of silence that ends an utterance, with or without speech before it."""
    rule2_min_trailing_silence: Seconds = 0.5
    """Duration of silence that ends an utterance after some speech."""
    rule3_min_utterance_length: Seconds = 20.0
    """Duration after which an utterance ends even without silence."""
    blank_threshold: float = 0.8
    """Probability of the CTC blank above which a frame counts as silence in the rules for the
    end of an utterance."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0 < self.blank_threshold < 1:
            raise InputError(
                f"`blank_threshold` must be between 0 and 1, but is {self.blank_threshold}"
            )
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"`{name}` must be above 0, but is {value}")
