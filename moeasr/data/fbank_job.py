"""A job that computes the filter banks of a list of utterances and writes them to one archive."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.audio.probe import overshoot_warning
from moeasr.audio.recording import RecordingReader
from moeasr.data.audio_features import utterance_fbank
from moeasr.datadir.utterances import Utterances
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.fbank_config import FbankConfig
from moeasr.logs import get_logger, progress
from moeasr.plurals import counted
from moeasr.strict_json import to_json

logger = get_logger(__name__)


@dataclass
class FbankReport:
    """A summary of the unusual utterances of a feature job."""

    num_utts: int = 0
    """Number of utterances of the job."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Utterances that could not be read, with the reasons."""
    resampled: Counter[int] = field(default_factory=Counter)
    """Number of resampled utterances by their original sample rate, Hz."""
    num_overshooting: int = 0
    """Number of utterances whose header announces more samples than there are."""

    def save(self, path: Path) -> None:
        """Write the summary as JSON, for the program that gathers the features of all jobs."""
        with atomic_path(path) as temporary:
            temporary.write_text(to_json(vars(self)), encoding="utf-8")

    def log(self) -> None:
        """Log the summary."""
        if self.num_overshooting:
            logger.warning(overshoot_warning(self.num_overshooting, "utterance"))
        for rate_hz, count in sorted(self.resampled.items()):
            logger.warning("resampled %s from %d Hz", counted(count, "utterance"), rate_hz)
        if self.skipped:
            logger.warning("skipped %s", counted(len(self.skipped), "utterance"))
        num_made = self.num_utts - len(self.skipped)
        logger.info("computed features of %d of %d utterances", num_made, self.num_utts)


def write_fbank(
    utterances: Utterances,
    config: FbankConfig,
    ark: str | Path,
    scp: str,
    compress: bool,
    seed: int,
) -> FbankReport:
    """Write the features of utterances, and tables of their numbers of frames and durations.

    The tables of x.scp are x.utt2num_frames and x.utt2dur. The summary of unusual
    utterances is x.report.json. An utterance that cannot be read is skipped with a warning, also if
    there is no other, because all jobs together decide whether too many are missing.

    Args:
        utterances: The utterances.
        config: Settings of the filter banks.
        ark: The archive to write.
        scp: The index of the archive to write.
        compress: Store one byte per value, as Kaldi does.
        seed: Seed of the dither.

    Raises:
        InputError: The archive cannot be written.
    """
    reader, report = RecordingReader(), FbankReport(len(utterances))
    base = scp.removesuffix(".scp")
    with (
        atomic_path(f"{base}.utt2num_frames") as frames_path,
        atomic_path(f"{base}.utt2dur") as durations_path,
        open_archive(ark, scp, compress) as archive,
        open(frames_path, "w", encoding="utf-8") as frames_file,
        open(durations_path, "w", encoding="utf-8") as durations_file,
    ):
        for utterance in progress(utterances, "filter banks", len(utterances), "utterances"):
            utt_id, entry = utterance.utt_id, utterance.entry
            try:
                samples, rate_hz = reader.read(*utterance.audio_span)
                feats = utterance_fbank(samples, rate_hz, config, utt_id, seed)
                if feats.size(0) == 0:
                    few = counted(len(samples), "sample is", "samples are")
                    raise InputError(f"{entry}: {few} too few for one frame")
            except InputError as error:
                report.skipped[utt_id] = str(error)
                logger.warning("skipped utterance %s: %s", utt_id, error)
                continue
            report.num_overshooting += reader.last_header_overshoots
            if rate_hz != config.sample_rate_hz:
                report.resampled[rate_hz] += 1
            archive.write(utt_id, feats)
            frames_file.write(f"{utt_id} {feats.size(0)}\n")
            durations_file.write(f"{utt_id} {round(len(samples) / rate_hz, 4)}\n")
    report.save(Path(f"{base}.report.json"))
    return report
