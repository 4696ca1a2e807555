"""The heads that a model was trained with."""

import pytest
from tiny_models import tiny_model

from moeasr.decode.required_heads import require_heads, trained_heads
from moeasr.errors import InputError


@pytest.mark.parametrize(
    ("settings", "heads"),
    [
        ({}, {"ctc", "attention", "reverse_decoder"}),
        ({"ctc_weight": 0.0}, {"attention", "reverse_decoder"}),
        ({"ctc_weight": 1.0}, {"ctc"}),
        ({"reverse_weight": 0.0}, {"ctc", "attention"}),
        ({"reverse_weight": 0.0, "num_reverse_blocks": 0}, {"ctc", "attention"}),
    ],
)
def test_heads_without_weight_in_the_loss_are_not_trained_heads(settings, heads):
    model = tiny_model(**settings)
    assert trained_heads(model) == heads
    require_heads(heads, model, "it needs")
    for name in {"ctc", "attention", "reverse_decoder"} - heads:
        with pytest.raises(InputError, match="^it needs .*this model"):
            require_heads([name], model, "it needs")


def test_an_unknown_head_is_refused_with_the_heads_of_the_model():
    message = "^x needs the head 'y', but this model has attention, ctc$"
    with pytest.raises(InputError, match=message):
        require_heads(["ctc", "y"], tiny_model(reverse_weight=0.0), "x needs")
