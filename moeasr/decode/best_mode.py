"""The default decoding mode: the most accurate one that a model supports."""

from collections.abc import Sequence

from moeasr.decode.config import DecodeConfig
from moeasr.decode.searches import SEARCHES, check_settings, find_searches
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel


def most_accurate_mode(model: AsrModel, config: DecodeConfig, given: Sequence[str]) -> str:
    """Return the most accurate mode of `SEARCHES` that the model supports with the settings.

    Args:
        model: The model.
        config: The decoding settings.
        given: Names of the settings that the user chose; the mode must use them.

    Raises:
        InputError: There is no such mode.
    """
    settings_fault: InputError | None = None
    for mode in reversed(SEARCHES):
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
