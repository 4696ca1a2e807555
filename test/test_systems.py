"""The small models that tests run over hold every member of the families they are made of."""

import pytest
from systems import SYSTEMS

from moeasr.models.build import ATTENTIONS, ENCODER_BLOCKS, FEED_FORWARDS, ROUTERS

ENCODERS = [system["encoder"] for system in SYSTEMS.values()]
PARTS = [part for e in ENCODERS for part in (e.feed_forward, e.macaron_feed_forward)]
BATCH_HAS_NO_LANGUAGES = {"language"}  # test/models/test_languages.py has its own model


@pytest.mark.parametrize(
    ("family", "used"),
    [
        (ENCODER_BLOCKS, {encoder.type for encoder in ENCODERS}),
        (ATTENTIONS, {encoder.attention for encoder in ENCODERS}),
        (FEED_FORWARDS, {part.type for part in PARTS}),
        (ROUTERS.keys() - BATCH_HAS_NO_LANGUAGES, {p.router for p in PARTS if p.type == "moe"}),
    ],
    ids=["encoder blocks", "attentions", "feed-forwards", "routers"],
)
def test_every_member_of_a_family_is_in_some_system(family, used):
    assert used == set(family)
