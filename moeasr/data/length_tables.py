"""Tables of durations and frame counts, for features that are computed when they are read."""

from collections import Counter
from collections.abc import Callable, Iterable

from moeasr.audio.duration import AudioLength
from moeasr.audio.probe import overshoot_warning, resampling_notice
from moeasr.audio.resampling import resampled_length
from moeasr.datadir.raw_tables import Lines
from moeasr.features.fbank import FbankConfig, num_fbank_frames
from moeasr.plurals import counted


def length_tables(
    lengths: Iterable[AudioLength], config: FbankConfig, say: Callable[[str], None]
) -> tuple[dict[str, Lines], dict[str, str]]:
    """Return the lines of `utt2dur` (seconds) and `utt2num_frames`, and the unusable utterances.

    Args:
        lengths: Lengths of the utterances, in order.
        config: Settings of the filter banks whose frames are counted.
        say: Function that receives messages about utterances that are resampled.

    Returns:
        Name of a table -> lines; utterance -> reason why it cannot be used.
    """
    tables: dict[str, Lines] = {"utt2dur": [], "utt2num_frames": []}
    reasons: dict[str, str] = {}
    other_rates: Counter[int] = Counter()
    num_overshooting = 0
    for utt_id, num_samples, rate_hz, fault, overshoots in lengths:
        num_overshooting += overshoots
        num_frames = 0
        if not fault:
            target = resampled_length(num_samples, rate_hz, config.sample_rate_hz)
            num_frames = num_fbank_frames(target, config)
        if num_frames == 0:
            few = counted(num_samples, "sample is", "samples are")
            fault = fault or f"{few} too few for one frame"
            reasons[utt_id] = fault
            continue
        if rate_hz != config.sample_rate_hz:
            other_rates[rate_hz] += 1
        tables["utt2dur"].append(f"{utt_id} {round(num_samples / rate_hz, 4)}".encode())
        tables["utt2num_frames"].append(f"{utt_id} {num_frames}".encode())
    for rate_hz, count in sorted(other_rates.items()):
        say(resampling_notice(count, rate_hz, config.sample_rate_hz))
    if num_overshooting:
        say(overshoot_warning(num_overshooting, "utterance"))
    return tables, reasons
