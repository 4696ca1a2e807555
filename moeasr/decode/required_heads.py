"""Check of the heads of a model that a search needs.

The names are those of the model's heads: `ctc`, `attention` and any others in its config. The name
`reverse_decoder` stands for an attention head with a right-to-left decoder.
"""

from collections.abc import Iterable

from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.heads.attention_head import AttentionHead

_LACKS = {
    "ctc": "CTC, but this model was trained without it (`ctc_weight: 0`)",
    "attention": "an attention decoder, but this model was trained without one (`ctc_weight: 1`)",
    "reverse_decoder": (
        "a right-to-left decoder, but this model has none, or trained it with weight 0"
    ),
}


def trained_heads(model: AsrModel) -> frozenset[str]:
    """Return the names of the heads that the model has and was trained with."""
    attention = model.heads.get("attention")
    has_reverse = isinstance(attention, AttentionHead) and attention.can_rescore_in_reverse
    return frozenset(model.heads) | ({"reverse_decoder"} if has_reverse else set())


def require_heads(needed: Iterable[str], model: AsrModel, who: str) -> None:
    """Raise `InputError` unless the model was trained with some heads.

    Args:
        needed: Names of the heads.
        model: The model.
        who: The beginning of the message, such as "mode 'attention' needs".
    """
    trained = trained_heads(model)
    for name in sorted(set(needed) - trained):
        others = f"the head '{name}', but this model has {', '.join(sorted(trained))}"
        raise InputError(f"{who} {_LACKS.get(name, others)}")
