"""The family of heads."""

from typing import get_args, get_type_hints

import pytest
from systems import BATCH, LABELS, SYSTEMS, make_system, system_config

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.heads.head import Head, HeadConfig
from moeasr.models.heads.heads import HEADS


@pytest.mark.parametrize("name", HEADS)
def test_a_type_builds_a_head_that_has_a_loss_and_statistics(name):
    (own,) = get_args(get_type_hints(HEADS[name])["type"])
    assert issubclass(HEADS[name], HeadConfig) and own == name
    used = {
        part.type: (system, key)
        for system in SYSTEMS
        for key, part in system_config(system).all_heads.items()
    }
    system, key = used[name]
    model = make_system(system)
    head = model.all_heads[key]
    assert isinstance(head, Head)
    found = head.loss_of(model.encode(*BATCH[:2], languages=LABELS), *BATCH[2:])
    assert found.loss.shape == () and found.loss.item() > 0
    assert found.stats and all(value.shape == () for value in found.stats.values())


def test_a_section_of_heads_needs_its_type():
    read = from_mapping(ModelConfig, {"heads": {"more": {"type": "ctc", "weight": 0.5}}}, "f")
    assert read.heads == {"more": HEADS["ctc"](weight=0.5)}
    with pytest.raises(
        InputError, match="f: key 'heads.more.type' is missing; choose one of ctc, group"
    ):
        from_mapping(ModelConfig, {"heads": {"more": {"weight": 0.5}}}, "f")
