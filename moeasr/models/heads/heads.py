"""The family of heads: values of the key `type` in a section of `heads:`.

The attention head, of which every search expects one, has sections of its own in `model:`. The
value may also be the import path of another subclass of `moeasr.models.heads.head.HeadConfig`.
"""

from typing import Annotated

from moeasr.config import OneOfTypes
from moeasr.models.heads.ctc_head import CtcConfig
from moeasr.models.heads.expert_ctc_head import ExpertCtcConfig
from moeasr.models.heads.group_head import GroupConfig
from moeasr.models.heads.head import HeadConfig

HEADS: dict[str, type[HeadConfig]] = {
    "ctc": CtcConfig,
    "group": GroupConfig,
    "expert_ctc": ExpertCtcConfig,
}

AnyHead = Annotated[HeadConfig, OneOfTypes(HEADS, HeadConfig)]
"""The type of a section that describes a head."""
