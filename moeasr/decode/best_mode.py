"""The decoding mode of whoever names none."""

from collections.abc import Sequence

from moeasr.decode.build import SEARCHES, DecodeConfig, check_settings, find_searches
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel

MOST_ACCURATE_FIRST = (
    "joint_decoding",
    "attention_rescoring",
    "attention",
    "ctc_prefix_beam_search",
    "ctc_greedy_search",
)
"""All searches, as a rule of thumb: those that look at more of the model make fewer errors."""


def most_accurate_mode(
    model: AsrModel,
    config: DecodeConfig,
    given: Sequence[str] = (),
    is_live: bool = False,
) -> str:
    """Return the first of `MOST_ACCURATE_FIRST` that the model can do with some settings.

    Args:
        model: The model.
        config: Settings.
        given: Those of its fields that the user set; the mode must read them.
        is_live: Somebody waits for the result. Searches that begin when the utterance is over, such
            as joint decoding, take several times as long at its end as rescoring, and are left out.

    Raises:
        InputError: There is no such mode.
    """
    modes = [mode for mode in MOST_ACCURATE_FIRST if not (is_live and _starts_late(mode))]
    settings_fault: InputError | None = None
    for mode in modes:
        try:
            find_searches([mode], model)
        except InputError as error:
            model_fault = error
            continue
        try:
            check_settings([mode], config, given)
        except InputError as error:
            settings_fault = settings_fault or error
        else:
            return mode
    raise settings_fault or model_fault


def _starts_late(mode: str) -> bool:
    """Return whether a mode makes no use of what a stream has found before its end."""
    return SEARCHES[mode].needs_decoder and SEARCHES[mode].second_pass is None
