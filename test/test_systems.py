"""The small models of `helpers/systems.py` include every member of each family."""

import pytest
from systems import SYSTEMS

from moeasr.models.encoders.block_encoder_config import ATTENTIONS
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.feed_forwards import FEED_FORWARDS
from moeasr.moe.layer import MoeConfig
from moeasr.moe.routers import ROUTERS

CONFIGS = [system["encoder"] for system in SYSTEMS.values()]
PARTS = [part for config in CONFIGS for part in config.feed_forwards.values()]
BATCH_HAS_NO_LANGUAGES = {"language"}  # test/models/test_languages.py has its own model


@pytest.mark.parametrize(
    ("family", "used"),
    [
        (ENCODERS.values(), {type(config) for config in CONFIGS}),
        (ATTENTIONS, {config.attention for config in CONFIGS}),
        (FEED_FORWARDS.values(), {type(part) for part in PARTS}),
        (
            ROUTERS.keys() - BATCH_HAS_NO_LANGUAGES,
            {part.router for part in PARTS if isinstance(part, MoeConfig)},
        ),
    ],
    ids=["encoders", "attentions", "feed-forwards", "routers"],
)
def test_every_member_of_a_family_is_in_some_system(family, used):
    assert used == set(family)
