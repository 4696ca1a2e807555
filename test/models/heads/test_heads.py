"""The family of heads."""

from typing import get_args, get_type_hints

import pytest
import torch

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.heads.head import Head, HeadConfig
from moeasr.models.heads.heads import HEADS
from moeasr.models.outputs import EncoderOutput


@pytest.mark.parametrize("name", HEADS)
def test_a_type_builds_a_head_that_has_a_loss_and_statistics(name):
    (own,) = get_args(get_type_hints(HEADS[name])["type"])
    assert issubclass(HEADS[name], HeadConfig) and own == name
    settings = {"labels": ("en", "zh")} if name == "group" else {}
    head = HEADS[name](weight=1.0, **settings).build(16, vocab_size=9)
    assert isinstance(head, Head)
    enc, enc_lens, labels = torch.randn(2, 12, 16), torch.tensor([12, 9]), torch.tensor([1, 0])
    output = EncoderOutput(enc, enc_lens, {}, group_scores=enc[..., :2], labels=labels)
    found = head.eval().loss_of(output, torch.tensor([[3, 4], [5, 0]]), torch.tensor([2, 1]))
    assert found.loss.shape == () and found.loss.item() > 0
    assert found.stats and all(value.shape == () for value in found.stats.values())


def test_a_section_of_heads_needs_its_type():
    read = from_mapping(ModelConfig, {"heads": {"more": {"type": "ctc", "weight": 0.5}}}, "f")
    assert read.heads == {"more": HEADS["ctc"](weight=0.5)}
    with pytest.raises(
        InputError, match="f: key 'heads.more.type' is missing; choose one of ctc, attention"
    ):
        from_mapping(ModelConfig, {"heads": {"more": {"weight": 0.5}}}, "f")
