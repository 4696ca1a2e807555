"""Filter banks of a `wav.scp` (or of its segments) into one archive."""

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.bin.option_groups.no_commands import add_no_commands_option
from moeasr.errors import InputError
from moeasr.limits import seed

if TYPE_CHECKING:
    from moeasr.datadir.sources import Sources
    from moeasr.features.fbank_config import FbankConfig

EPILOG = """example:
  python3 -m moeasr.bin.make_fbank --wav-scp data/dev/wav.scp \\
    --ark fbank/raw_fbank_dev.1.ark --scp fbank/raw_fbank_dev.1.scp

Beside x.scp it writes x.utt2num_frames and x.utt2dur (seconds). Utterances that cannot be read are
listed and skipped; the exit status is 1 if none is left.
"""


def get_parser() -> argparse.ArgumentParser:
    """The options of this entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--fbank-config", help="YAML of FbankConfig, or Kaldi's .conf; default: 80 bins"
    )
    parser.add_argument("--wav-scp", required=True, help="`id entry` lines; an entry may be a pipe")
    parser.add_argument("--segments", help="`utterance recording start end` lines, seconds")
    parser.add_argument("--ark", required=True, help="archive to write")
    parser.add_argument("--scp", required=True, help="index of the archive to write")
    parser.add_argument("--compress", action="store_true", help="one byte per value, as Kaldi")
    parser.add_argument("--seed", type=seed, default=0, help="of the dither, if there is any")
    add_no_commands_option(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the entry point."""
    args = get_parser().parse_args(argv)
    import torch

    from moeasr.audio.command_notice import command_notice
    from moeasr.audio.probe import overshoot_warning
    from moeasr.datadir.sources import open_sources
    from moeasr.features.fbank_config import FbankConfig
    from moeasr.features.fbank_file import load_fbank_config
    from moeasr.logs import get_logger, setup_logging

    setup_logging()
    logger = get_logger("make_fbank")
    torch.set_num_threads(1)  # jobs run side by side; threads within one only get in the way
    config = load_fbank_config(args.fbank_config) if args.fbank_config else FbankConfig()
    sources = open_sources(args.wav_scp, args.segments)
    notice = command_notice(args.wav_scp, sources.named_entries())
    if notice:
        logger.info(notice)
    skipped, resampled, num_overshooting = _make(sources, config, args)
    if num_overshooting:
        logger.warning(overshoot_warning(num_overshooting, "utterances"))
    for rate_hz, count in sorted(resampled.items()):
        logger.warning("resampled %d utterances from %d Hz", count, rate_hz)
    if skipped:
        logger.warning("skipped %d utterances: %s", len(skipped), " ".join(skipped))
    logger.info("made features of %d of %d utterances", len(sources) - len(skipped), len(sources))


def _make(
    sources: "Sources", config: "FbankConfig", args: argparse.Namespace
) -> tuple[list[str], Counter[int], int]:
    """Write all files.

    Returns:
        The utterances that were skipped, how many had which other sample rate, and how many have
        a header that promises more samples than there are.

    Raises:
        InputError: No utterance could be read.
    """
    from moeasr.atomic import atomic_path
    from moeasr.audio.recording import RecordingReader
    from moeasr.data.audio_features import utterance_fbank
    from moeasr.features.archive import open_archive
    from moeasr.logs import get_logger, progress

    reader = RecordingReader()
    skipped: list[str] = []
    resampled: Counter[int] = Counter()
    num_overshooting = 0
    base = args.scp.removesuffix(".scp")
    with (
        atomic_path(f"{base}.utt2num_frames") as frames_path,
        atomic_path(f"{base}.utt2dur") as durations_path,
        open_archive(args.ark, args.scp, args.compress) as archive,
        open(frames_path, "w", encoding="utf-8") as frames_file,
        open(durations_path, "w", encoding="utf-8") as durations_file,
    ):
        for utt_id, source in progress(sources, "fbank", len(sources), "utt"):
            try:
                samples, rate_hz = reader.read(*source)
                feats = utterance_fbank(samples, rate_hz, config, utt_id, args.seed)
                if feats.size(0) == 0:
                    raise InputError(f"{source.entry}: {len(samples)} samples are no whole frame")
            except InputError as error:
                skipped.append(utt_id)
                get_logger("make_fbank").warning("skipped utterance %s: %s", utt_id, error)
                continue
            num_overshooting += reader.last_header_overshoots
            if rate_hz != config.sample_rate_hz:
                resampled[rate_hz] += 1
            archive.write(utt_id, feats)
            frames_file.write(f"{utt_id} {feats.size(0)}\n")
            durations_file.write(f"{utt_id} {round(len(samples) / rate_hz, 4)}\n")
        if len(skipped) == len(sources):
            raise InputError(f"none of the {len(sources)} utterances of {args.wav_scp} is usable")
    return skipped, resampled, num_overshooting


if __name__ == "__main__":
    run(main)
