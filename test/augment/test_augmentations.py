"""Properties of every augmentation of the family."""

import dataclasses

import numpy as np
import pytest
import torch
from speech_sets import made_up_features, made_up_speech

from moeasr.augment.augmentation import Speech
from moeasr.augment.augmentations import AUGMENTATIONS
from moeasr.augment.chain import AugmentationChain
from moeasr.config import from_mapping, to_mapping
from moeasr.errors import InputError
from moeasr.experiment.config import DataConfig

ON_FEATURES = [name for name, config in AUGMENTATIONS.items() if not config.needs_audio]


def applied(name: str, seed: int, speech_set=None) -> Speech:
    speech_set = speech_set or made_up_speech()
    augmentation = AUGMENTATIONS[name]().build(speech_set)
    return augmentation.apply(speech_set.read(1), np.random.default_rng(seed))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_random_numbers_give_the_same_utterance(name):
    first = applied(name, 3)
    torch.manual_seed(99)
    np.random.seed(99)
    assert torch.equal(applied(name, 3).signal, first.signal)
    before = torch.get_rng_state()
    applied(name, 4)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_utterance_changes_and_its_source_does_not(name):
    speech_set = made_up_speech()
    original = speech_set.read(1).signal.clone()
    found = applied(name, 0, speech_set)
    assert not torch.equal(found.signal, original)
    assert torch.equal(speech_set.read(1).signal, original)
    assert found.signal.dtype == torch.float32 and found.signal.isfinite().all()
    assert (found.index, found.is_audio) == (1, True)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_only_joining_changes_the_transcript_and_only_silence_and_joining_the_length(name):
    found = applied(name, 0)
    assert (found.text == "text 1") == (name != "join")
    assert (len(found.signal) == 8100) == (name not in ("join", "silence"))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_digital_silence_stays_finite(name):
    speech_set = made_up_speech()
    augmentation = AUGMENTATIONS[name]().build(speech_set)
    silent = Speech(torch.zeros(1000), "", 0)
    assert augmentation.apply(silent, np.random.default_rng(0)).signal.isfinite().all()


@pytest.mark.parametrize("name", ON_FEATURES)
def test_stored_features_change_too(name):
    found = applied(name, 0, made_up_features())
    assert found.signal.dtype == torch.float32 and found.signal.size(1) == 20
    assert not torch.equal(found.signal, made_up_features().read(1).signal)


def test_those_that_need_audio_say_why():
    assert ON_FEATURES == ["join", "gain"]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_config_is_read_and_written(name):
    mapping = {"augment": [{"type": name, "prob": 0.25, "first_epoch": 3}]}
    config = from_mapping(DataConfig, mapping, "x.yaml")
    (item,) = config.augment
    assert type(item) is AUGMENTATIONS[name]
    assert item == AUGMENTATIONS[name](prob=0.25, first_epoch=3)
    assert from_mapping(DataConfig, to_mapping(config), "x.yaml") == config


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_values_out_of_range_are_named(name):
    with pytest.raises(InputError, match=r"^`prob` must be between 0 and 1, but is 1.5$"):
        AUGMENTATIONS[name](prob=1.5)
    for field in dataclasses.fields(AUGMENTATIONS[name]):
        if field.name.endswith(("_db", "_sec", "talkers")) and isinstance(field.default, tuple):
            for bad in ((1.0,), (2.0, 1.0), (0.1, 1e4), (float("nan"), 1.0)):
                with pytest.raises(InputError, match=f"^`{field.name}` must be .lowest, highest"):
                    AUGMENTATIONS[name](**{field.name: bad})


def test_an_augmentation_from_outside_the_package_is_named_by_its_import_path():
    mapping = {"augment": [{"type": "speech_sets.InvertConfig", "factor": 2, "prob": 1}]}
    config = from_mapping(DataConfig, mapping, "x.yaml")
    assert from_mapping(DataConfig, to_mapping(config), "x.yaml") == config
    speech_set = made_up_speech()
    found = AugmentationChain(config.augment, speech_set, 0).apply(speech_set.read(1), 1)
    assert torch.equal(found.signal, -2 * speech_set.read(1).signal)


def test_an_unknown_type_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"'augment\[0\].type' must be one of .*mean 'noise'"):
        from_mapping(DataConfig, {"augment": [{"type": "nose"}]}, "x.yaml")
