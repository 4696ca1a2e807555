"""The family of encoders: values of the key `type` in an `encoder:` section.

The value may also be the import path of another subclass of `encoder.EncoderConfig`, or, for an
encoder with your own blocks, of `block_encoder_config.BlockEncoderConfig`.
"""

from typing import Annotated

from moeasr.config import OneOfTypes
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.encoder import EncoderConfig
from moeasr.models.encoders.transformer import TransformerConfig

ENCODERS: dict[str, type[EncoderConfig]] = {
    "conformer": ConformerConfig,
    "transformer": TransformerConfig,
}

AnyEncoder = Annotated[EncoderConfig, OneOfTypes(ENCODERS, EncoderConfig, "conformer")]
"""The type of a section that describes an encoder."""
