"""The family of encoders: what `type` of an `encoder:` section may be.

It may also be the import path of a subclass of `encoder.EncoderConfig` of one's own; for blocks of
one's own, of `block_encoder_config.BlockEncoderConfig`.
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
