"""Tables of durations and frame counts, for features that are computed when they are read."""

from collections import Counter
from collections.abc import Callable, Iterable

from moeasr.audio.duration import AudioLength
from moeasr.audio.probe import overshoot_warning
from moeasr.audio.resampling import resampled_length
from moeasr.datadir.raw_tables import Lines
from moeasr.features.fbank import FbankConfig, num_fbank_frames


def length_tables(
    lengths: Iterable[AudioLength], config: FbankConfig, say: Callable[[str], None]
) -> dict[str, Lines]:
    """Return the lines of `utt2dur` (seconds) and `utt2num_frames`.

    Args:
        lengths: Lengths of the utterances, in order.
        config: Settings of the filter banks whose frames are counted.
        say: Receives messages about unusable utterances, and about those that are resampled.
    """
    tables: dict[str, Lines] = {"utt2dur": [], "utt2num_frames": []}
    other_rates: Counter[int] = Counter()
    num_overshooting = 0
    for utt_id, num_samples, rate_hz, fault, overshoots in lengths:
        num_overshooting += overshoots
        num_frames = 0
        if not fault:
            target = resampled_length(num_samples, rate_hz, config.sample_rate_hz)
            num_frames = num_fbank_frames(target, config)
        if num_frames == 0:
            fault = fault or f"{num_samples} samples are too few for one frame"
            say(f"skipped utterance {utt_id}: {fault}")
            continue
        if rate_hz != config.sample_rate_hz:
            other_rates[rate_hz] += 1
        tables["utt2dur"].append(f"{utt_id} {round(num_samples / rate_hz, 4)}".encode())
        tables["utt2num_frames"].append(f"{utt_id} {num_frames}".encode())
    for rate_hz, count in sorted(other_rates.items()):
        say(f"warning: {count} utterances of {rate_hz} Hz are resampled whenever they are read")
    if num_overshooting:
        say(overshoot_warning(num_overshooting, "utterances"))
    return tables
