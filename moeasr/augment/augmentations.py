"""The family of augmentations: values of the key `type` in an item of `data.augment:`.

The value may also be the import path of another subclass of
`moeasr.augment.augmentation.AugmentationConfig`, as in
`augment: [{type: my_package.MyConfig, prob: 0.3}]`.
"""

from typing import Annotated

from moeasr.augment.augmentation import AugmentationConfig
from moeasr.augment.babble import BabbleConfig
from moeasr.augment.codec import CodecConfig
from moeasr.augment.gain import GainConfig
from moeasr.augment.joining import JoinConfig
from moeasr.augment.noise import NoiseConfig
from moeasr.augment.reverberation import ReverbConfig
from moeasr.augment.silence import SilenceConfig
from moeasr.config import OneOfTypes

AUGMENTATIONS: dict[str, type[AugmentationConfig]] = {
    "join": JoinConfig,
    "silence": SilenceConfig,
    "reverb": ReverbConfig,
    "noise": NoiseConfig,
    "babble": BabbleConfig,
    "codec": CodecConfig,
    "gain": GainConfig,
}

AnyAugmentation = Annotated[AugmentationConfig, OneOfTypes(AUGMENTATIONS, AugmentationConfig)]
"""The type of a section that describes an augmentation."""
