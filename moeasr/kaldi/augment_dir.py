"""A copy of a data directory whose audio is augmented once (augment_data_dir.sh).

Unlike the other changes of audio, this one writes audio files, so that a test set with noise is the
same for every system.
"""

import dataclasses
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from moeasr.audio.command_notice import command_notice
from moeasr.audio.duration import AudioLength, LengthReader
from moeasr.audio.file import write_wav
from moeasr.audio.recording import RecordingReader, resample
from moeasr.augment.augmentation import AugmentationConfig
from moeasr.augment.augmentations import AnyAugmentation
from moeasr.augment.chain import AugmentationChain
from moeasr.augment.utterance_speech import UtteranceSpeech
from moeasr.config import from_mapping
from moeasr.datadir.raw_tables import label_tables
from moeasr.datadir.table import Table
from moeasr.datadir.utterance_labels import language_groups
from moeasr.datadir.utterances import Utterance, Utterances, open_recordings
from moeasr.datadir.write import write_data_dir
from moeasr.errors import InputError, naming
from moeasr.kaldi.derive import copy_whole, require_outside, require_source
from moeasr.kaldi.speak import Say, detail
from moeasr.logs import progress
from moeasr.plurals import counted
from moeasr.yaml_text import YamlError, parse_yaml

AUDIO = "audio"
"""Directory of the audio files in the new data directory."""


@dataclass(frozen=True)
class _Augmentations:
    """The list of augmentations."""

    augment: tuple[AnyAugmentation, ...]


def read_augmentations(text: str) -> tuple[AugmentationConfig, ...]:
    """Return augmentations that are given as a YAML list, as `data.augment` of a config is.

    Every utterance is changed by each of them, unless `prob` is given.

    Raises:
        InputError: The text is not a list of augmentations, or is empty.
    """
    try:
        items: Any = parse_yaml(text)
    except YamlError as error:
        raise InputError(f"--augment is not YAML: {error}") from None
    if isinstance(items, list):
        items = [{"prob": 1.0, **item} if isinstance(item, dict) else item for item in items]
    configs = from_mapping(_Augmentations, {"augment": items}, "--augment").augment
    if not configs:
        raise InputError("--augment names no augmentation")
    return tuple(dataclasses.replace(config, first_epoch=0) for config in configs)


def augment_data_dir(
    source: Path,
    target: Path,
    configs: tuple[AugmentationConfig, ...],
    say: Say,
    seed: int = 0,
    sample_rate_hz: int | None = None,
) -> None:
    """Write a data directory with augmented audio, one file per utterance.

    Ids, speakers, labels and transcripts are those of the source. Audio that would be clipped is
    written at a lower level.

    Args:
        source: A data directory with wav.scp, utt2spk and text, and perhaps segments and utt2lang.
        target: The new data directory, which replaces an older one.
        configs: The augmentations, in the order in which they are applied.
        say: Function that receives messages about the progress.
        seed: Seed of all random numbers.
        sample_rate_hz: Sample rate of the new audio, Hz; None takes that of the first utterance.

    Raises:
        InputError: A table is missing or malformed, an utterance cannot be read, or an
            augmentation cannot find its sounds. The target is not changed in this case.
    """
    require_source(source, target)
    require_outside(source, target)
    name_given, target = target, target.resolve()  # perhaps behind a link
    for name in ("wav.scp", "text"):
        if not (source / name).is_file():
            raise InputError(f"no such file {source / name}")
    utterances = open_recordings(source).with_texts(Table(source / "text"))
    utterances.require_transcripts()
    groups = language_groups(source, utterances.utt_ids)
    utterances = dataclasses.replace(utterances, languages=groups)
    notice = command_notice(source / "wav.scp", utterances.entries.items())
    if notice:
        say(notice)
    lengths = list(_measure(utterances))
    rate_hz = sample_rate_hz or lengths[0].rate_hz
    reader = RecordingReader()

    def read(utterance: Utterance) -> Tensor:
        samples, its_rate_hz = reader.read(*utterance.audio_span)
        return resample(samples, its_rate_hz, rate_hz)[0]

    lengths_sec = np.array([length.num_samples / length.rate_hz for length in lengths])
    speech = UtteranceSpeech(utterances, read, rate_hz, lengths_sec)
    chain = AugmentationChain(configs, speech, seed)
    unfinished = target.with_name(f".{target.name}.{AUDIO}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        augmented = []
        for index in progress(range(len(utterances)), "augmenting", unit="utterances"):
            utterance = utterances[index]
            with naming(f"utterance {utterance.utt_id}"):
                changed = chain.apply(speech.read(index), epoch=0)
            name = f"{utterance.utt_id.replace('%', '%25').replace('/', '%2F')}.wav"
            peak = max(float(changed.signal.abs().max()), 1.0)
            write_wav(unfinished / name, changed.signal / peak, rate_hz)
            entry = str((target / AUDIO / name).absolute())
            augmented.append(Utterance(utterance.utt_id, None, changed.text, entry))
        write_data_dir(_with_tables(augmented, source), target)
        copy_whole(source, target, label_tables(source))
        unfinished.rename(target / AUDIO)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    made = counted(len(augmented), "augmented utterance")
    detail(say, f"wrote {made} of {source} to {name_given}")


def _measure(utterances: Utterances) -> Iterator[AudioLength]:
    reader = LengthReader(utterances)
    for number in range(len(reader)):
        for length in reader.read(number):
            if length.fault:
                raise InputError(f"utterance {length.utt_id}: {length.fault}")
            yield length


def _with_tables(utterances: list[Utterance], source: Path) -> Iterator[Utterance]:
    """Yield the utterances with their speakers and languages."""
    speakers = dict(Table(source / "utt2spk").items())
    path = source / "utt2lang"
    languages = dict(Table(path).items()) if path.is_file() else {}
    for utterance in utterances:
        utt_id = utterance.utt_id
        if utt_id not in speakers:
            raise InputError(f"{source / 'utt2spk'} has no line for utterance {utt_id}")
        yield dataclasses.replace(
            utterance, speaker=speakers[utt_id], language_name=languages.get(utt_id)
        )
