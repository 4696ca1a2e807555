"""Features of augmented utterances, for every augmentation and data type."""

from pathlib import Path

import audio_sets
import numpy as np
import pytest
import soundfile
import torch
from letter_sets import LIMITS, Letters, quarter

from moeasr.audio.recording import RecordingReader
from moeasr.augment.augmentation import Speech
from moeasr.augment.augmentations import AUGMENTATIONS
from moeasr.augment.chain import AugmentationChain
from moeasr.augment.gain import GainConfig
from moeasr.augment.joining import JoinConfig
from moeasr.augment.utterance_speech import UtteranceSpeech
from moeasr.data.augmented_features import AugmentedFeatures, check_augmentations
from moeasr.data.batch import Batch
from moeasr.data.data_type import DATA_TYPES
from moeasr.data.dataset import AsrDataset
from moeasr.data.feature_settings import read_settings
from moeasr.data.loader import batch_stream
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.data.selection import load_utterances
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig
from moeasr.features.fbank import compute_fbank

EVERYTHING = tuple(config(prob=0.6) for config in AUGMENTATIONS.values())
ON_FEATURES = tuple(config for config in EVERYTHING if not config.needs_audio)
AUDIO_TYPES = [name for name, kind in DATA_TYPES.items() if kind.open_audio is not None]
NUM_UTTS = 7


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    """The same utterances, prepared for each data type."""
    folder = tmp_path_factory.mktemp("sets")
    wav = {f"u{n}": audio_sets.write_audio(folder / f"{n}.wav", 0.5 + n / 20) for n in range(7)}
    text = {utt: "ab cd"[: n % 5] for n, utt in enumerate(wav)}
    source = audio_sets.write_dir(folder / "set", wav_scp=wav, text=text)
    return {name: audio_sets.prepare(source, name) for name in DATA_TYPES}


def parts(data_dir: Path, data_type: str):
    utterances, _ = load_utterances(data_dir, Letters(), quarter, LIMITS, data_type=data_type)
    return utterances, DATA_TYPES[data_type].open_reader(data_dir), read_settings(data_dir)


def dataset(data_dir: Path, data_type: str, configs, seed: int = 3) -> AsrDataset:
    utterances, reader, fbank = parts(data_dir, data_type)
    augmented = AugmentedFeatures(utterances, reader, configs, fbank, seed) if configs else None
    masks = SpecAugmentConfig(max_freq_bins=3)
    fill = torch.zeros(fbank.num_mel_bins)
    return AsrDataset(utterances, Letters(), masks, fill, seed, reader, augmented=augmented)


def equal(one: Batch, other: Batch) -> bool:
    same = one.utt_ids == other.utt_ids and torch.equal(one.feats, other.feats)
    return same and torch.equal(one.tokens, other.tokens)


def stream(data: AsrDataset, start: int, num_workers: int) -> list[Batch]:
    lengths = [utterance.num_frames for utterance in data._utterances]
    sampler = BucketBatchSampler(lengths, BatchConfig(max_utts=2, num_buckets=2), seed=3)
    return list(batch_stream(data, sampler, 2, start, num_workers))


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_batches_are_the_same_with_any_number_of_workers_and_after_a_stop(sets, data_type):
    """Bit for bit, with every augmentation that the data type allows."""
    configs = EVERYTHING if data_type in AUDIO_TYPES else ON_FEATURES
    unbroken = stream(dataset(sets[data_type], data_type, configs), 0, 0)
    assert len(unbroken) == 4
    for start, num_workers in [(0, 1), (0, 3), (2, 0), (2, 2)]:
        found = stream(dataset(sets[data_type], data_type, configs), start, num_workers)
        assert len(found) == len(unbroken) - start
        assert all(map(equal, found, unbroken[start:]))


def test_all_data_types_of_audio_give_the_same_examples(sets):
    found = [dataset(sets[name], name, EVERYTHING) for name in AUDIO_TYPES]
    for key in [(epoch, index) for epoch in (1, 2) for index in range(NUM_UTTS)]:
        examples = [data[key] for data in found]
        assert all(torch.equal(example.feats, examples[0].feats) for example in examples)
        assert all(torch.equal(example.tokens, examples[0].tokens) for example in examples)


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_without_a_change_the_features_are_those_of_no_augmentation(sets, data_type):
    configs = [config(prob=0.0) for config in AUGMENTATIONS.values()]
    plain = dataset(sets[data_type], data_type, ())
    unchanged = dataset(sets[data_type], data_type, configs)
    for key in [(epoch, index) for epoch in (1, 2) for index in range(NUM_UTTS)]:
        assert torch.equal(plain[key].feats, unchanged[key].feats)
        assert torch.equal(plain[key].tokens, unchanged[key].tokens)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_waveform_is_changed_before_the_features_are_computed(sets, name):
    utterances, reader, fbank = parts(sets["raw"], "raw")
    config = AUGMENTATIONS[name](prob=1.0)
    speech = UtteranceSpeech(utterances, reader.read_signal, 16000, np.full(NUM_UTTS, 1.0))
    samples, _ = RecordingReader().read(*utterances[4].audio_span)
    chain = AugmentationChain([config], speech, 8)
    changed = chain.apply(Speech(samples, utterances[4].text, 4), epoch=2)
    feats, text = AugmentedFeatures(utterances, reader, [config], fbank, 8).read(2, 4)
    assert torch.equal(feats, compute_fbank(changed.signal, fbank))
    assert text == changed.text


def test_joined_utterances_have_the_tokens_of_both(sets):
    data = dataset(sets["feats"], "feats", [JoinConfig(prob=1.0)])
    utterances, reader, _ = parts(sets["feats"], "feats")
    example = data[1, 4]
    matches = [
        other
        for other in utterances
        if example.tokens.tolist() == Letters().encode(f"{utterances[4].text} {other.text}".strip())
        and len(example.feats) == utterances[4].num_frames + other.num_frames
    ]
    assert len(matches) == 1 and example.utt_id == "u4"


def test_what_stored_features_cannot_show_is_refused_with_the_reason():
    check_augmentations(EVERYTHING, "raw")
    check_augmentations(EVERYTHING, "shard")
    check_augmentations(ON_FEATURES, "feats")
    for config in set(EVERYTHING) - set(ON_FEATURES):
        message = (
            rf"^`augment\[1\]` \({config.type}\) needs audio, because {config.needs_audio}, "
            r"but --data-type feats reads stored features; run stages 1 and 3 with --data-type raw$"
        )
        with pytest.raises(InputError, match=message):
            check_augmentations([GainConfig(), config], "feats")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_change_of_the_audio_since_it_was_measured_is_named(sets, tmp_path, num_workers):
    path = audio_sets.write_audio(tmp_path / "a.wav", 0.5)
    source = audio_sets.write_dir(tmp_path / "set", wav_scp={"a": path}, text={"a": "ab"})
    raw = audio_sets.prepare(source, "raw")
    soundfile.write(path, np.zeros(8800, np.int16), 16000)
    message = r"^features of utterance a have 55 frames, but utt2num_frames says 50; prepare"
    with pytest.raises(InputError, match=message):
        stream(dataset(raw, "raw", [GainConfig()]), 0, num_workers)
