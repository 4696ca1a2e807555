"""Summary of a data directory in one line: its utterances, speakers and hours of speech."""

from pathlib import Path

from moeasr.bars import duration
from moeasr.datadir.raw_tables import read_lines
from moeasr.plurals import counted


def describe_set(data: Path, deed: str) -> str:
    """Return a phrase with a deed, the number of utterances of a set, and the duration of their
    audio.

    The duration comes from `utt2dur`. Without this table, the phrase has no duration.

    Args:
        data: The data directory.
        deed: The beginning of the phrase, such as "stored the filter banks of".
    """
    if not (data / "utt2dur").is_file():
        return f"{data}: {deed} {counted(_sizes(data)[0], 'utterance')}"
    durations = [float(line.split()[1]) for line in read_lines(data / "utt2dur")]
    speech = f"{counted(len(durations), 'utterance')}, {duration(sum(durations))} of audio"
    return f"{data}: {deed} {speech}"


def describe_audio(data: Path, audio_sec: float, sample_rate_hz: int | None) -> str:
    """Return the sizes of a data directory whose audio has been checked, and its sample rate."""
    num_utts, num_speakers = _sizes(data)
    return (
        f"{data}: {counted(num_utts, 'utterance')} of {counted(num_speakers, 'speaker')}, "
        f"{duration(audio_sec)} of audio at {sample_rate_hz} Hz, all checks passed"
    )


def _sizes(data: Path) -> tuple[int, int]:
    """Return the numbers of utterances and of speakers by `utt2spk`."""
    pairs = [line.split() for line in read_lines(data / "utt2spk")]
    return len(pairs), len({pair[-1] for pair in pairs})
