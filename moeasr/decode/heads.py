"""The heads of a model that a search may need: `ctc`, `decoder`, `reverse_decoder`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moeasr.errors import InputError

if TYPE_CHECKING:
    from moeasr.models.asr import AsrModel

_LACKS = {
    "ctc": "CTC, but this model was trained without it (`ctc_weight: 0`)",
    "decoder": "an attention decoder, but this model was trained without one (`ctc_weight: 1`)",
    "reverse_decoder": (
        "a right-to-left decoder, but this model has none, or trained it with weight 0"
    ),
}


def trained_heads(model: "AsrModel") -> frozenset[str]:
    """Return the names of the heads that the model has and was trained with."""
    config = model.config
    has_decoder = config.ctc_weight < 1
    has_reverse = model.reverse_decoder is not None and config.reverse_weight > 0
    is_trained = {
        "ctc": config.ctc_weight > 0,
        "decoder": has_decoder,
        "reverse_decoder": has_decoder and has_reverse,
    }
    return frozenset(name for name, trained in is_trained.items() if trained)


def require_heads(needed: Iterable[str], model: "AsrModel", who: str) -> None:
    """Raise `InputError` unless the model was trained with some heads.

    Args:
        needed: Their names.
        model: The model.
        who: Who needs them, for the message: "mode 'attention' needs".
    """
    trained = trained_heads(model)
    for name in sorted(set(needed) - trained):
        lacks = _LACKS.get(name, f"the head '{name}', but this model has {_listed(trained)}")
        raise InputError(f"{who} {lacks}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
