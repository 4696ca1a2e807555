"""Copies of a data directory, optionally with a prefix or suffix on its ids (copy_data_dir.sh)."""

from dataclasses import dataclass
from pathlib import Path

from moeasr.datadir.raw_tables import BY_RECORDING, BY_SPEAKER, BY_UTTERANCE, WHOLE, label_tables
from moeasr.kaldi.derive import (
    copy_whole,
    move_stale,
    require_source,
    write_renamed,
    write_utt2uniq,
)
from moeasr.kaldi.speak import Say, detail


@dataclass(frozen=True, kw_only=True)
class Affixes:
    """Prefixes and suffixes of ids."""

    spk_prefix: str = ""
    utt_prefix: str = ""
    spk_suffix: str = ""
    utt_suffix: str = ""


def copy_data_dir(source: Path, target: Path, affixes: Affixes, say: Say) -> None:
    """Copy a data directory with new utterance and speaker ids; recording ids do not change.

    Without segments, utterances are recordings, so recording ids change as well. If utterance ids
    change, utt2uniq maps the new ids to the old ones.

    Args:
        source: A data directory.
        target: The copy. Known files in it that the source lacks are moved to its .backup.
        affixes: Prefixes and suffixes of the new ids.
        say: Function that receives messages about the progress.

    Raises:
        InputError: The source has no utt2spk, or both directories are the same.
    """
    require_source(source, target)
    utt_prefix, utt_suffix = affixes.utt_prefix.encode(), affixes.utt_suffix.encode()
    spk_prefix, spk_suffix = affixes.spk_prefix.encode(), affixes.spk_suffix.encode()

    def new_utt(utt: bytes) -> bytes:
        return utt_prefix + utt + utt_suffix

    def new_spk(speaker: bytes) -> bytes:
        return spk_prefix + speaker + spk_suffix

    names = [*BY_UTTERANCE, *label_tables(source), *BY_SPEAKER, *BY_RECORDING]
    names.remove("utt2uniq")
    written = write_renamed(source, target, names, new_utt, new_spk, lambda recording: recording)
    if utt_prefix or utt_suffix or (source / "utt2uniq").is_file():
        write_utt2uniq(source, target, new_utt)
        written.append("utt2uniq")
    written += copy_whole(source, target, WHOLE)
    detail(say, f"copied data from {source} to {target}")
    move_stale(source, target, written, say)
