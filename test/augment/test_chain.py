"""A list of augmentations as a pure function of seed, epoch and utterance."""

import pytest
import torch
from speech_sets import made_up_speech

from moeasr.augment.augmentations import AUGMENTATIONS
from moeasr.augment.chain import AugmentationChain
from moeasr.augment.gain import GainConfig
from moeasr.augment.noise import NoiseConfig
from moeasr.errors import InputError

EVERYTHING = tuple(config(prob=0.7) for config in AUGMENTATIONS.values())


def chain(*configs, seed: int = 5) -> AugmentationChain:
    return AugmentationChain(configs, made_up_speech(), seed)


def signals(used: AugmentationChain, keys) -> list[torch.Tensor]:
    return [used.apply(made_up_speech().read(index), epoch).signal for epoch, index in keys]


def differ(tensors: list[torch.Tensor]) -> bool:
    return len({tuple(tensor.tolist()) for tensor in tensors}) == len(tensors)


KEYS = [(epoch, index) for epoch in (1, 2, 3) for index in range(4)]


def test_an_utterance_depends_on_seed_epoch_and_index_alone():
    found = signals(chain(*EVERYTHING), KEYS)
    backwards = signals(chain(*EVERYTHING), KEYS[::-1])[::-1]
    assert all(map(torch.equal, found, backwards))
    assert differ(found)
    gains = [signals(chain(GainConfig(prob=1.0), seed=s), [(1, 0)])[0] for s in (1, 2)]
    assert differ(gains)


def test_an_appended_augmentation_changes_no_random_numbers_of_the_others():
    noise = NoiseConfig(prob=1.0)
    alone = signals(chain(noise), KEYS)
    factor = 10 ** (6 / 20)
    louder = signals(chain(noise, GainConfig(prob=1.0, gain_db=(6.0, 6.0))), KEYS)
    for one, other in zip(alone, louder):
        assert torch.equal(one * factor, other)


def test_probability_and_first_epoch():
    gain = GainConfig(prob=0.3)
    keys = [(epoch, index) for epoch in range(100) for index in range(4)]
    originals = [made_up_speech().read(index).signal for _, index in keys]
    changed = [not torch.equal(*pair) for pair in zip(signals(chain(gain), keys), originals)]
    # 400 draws: five standard deviations are 0.115
    assert sum(changed) / len(changed) == pytest.approx(0.3, abs=0.115)
    for prob, first_epoch, expected in [(0.0, 0, {0}), (1.0, 0, {1}), (1.0, 60, {0, 1})]:
        used = chain(GainConfig(prob=prob, first_epoch=first_epoch))
        found = [not torch.equal(*pair) for pair in zip(signals(used, keys), originals)]
        assert set(found) == expected
        if first_epoch:
            assert found == [epoch >= 60 for epoch, _ in keys]


def test_order_matters():
    louder = GainConfig(prob=1.0, gain_db=(20.0, 20.0))
    noise = NoiseConfig(prob=1.0, kinds=("white",), snr_db=(0.0, 0.0))
    one = signals(chain(louder, noise), [(1, 0)])[0]
    other = signals(chain(noise, louder), [(1, 0)])[0]
    assert not torch.allclose(one, other)


def test_a_fault_names_the_augmentation():
    message = r"^`augment\[1\]` \(noise\): there is no directory nowhere$"
    with pytest.raises(InputError, match=message):
        chain(GainConfig(), NoiseConfig(source="nowhere"))
