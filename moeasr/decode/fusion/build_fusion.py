"""Construction of the fusion from the settings of language model and boosted phrases."""

import torch
from torch import nn

from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.fusion.ngram import NgramWeights, UnitNgram, WordNgram
from moeasr.decode.fusion.phrase_trie import read_phrases
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa
from moeasr.text.tokenizer import Tokenizer


def build_fusion(config: FusionConfig, tokenizer: Tokenizer) -> nn.Module | None:
    """Read the files and build the fusion; None if the settings name no files.

    Args:
        config: The settings of the language model and the phrases.
        tokenizer: The model's units.

    Raises:
        InputError: A file is missing or invalid, or does not match the units.
    """
    parts: list[nn.Module] = []
    if config.lm is not None:
        is_unit = config.lm_level == "unit" or tokenizer.config.type == "word"
        weights = NgramWeights(config.lm_weight, config.word_bonus, config.lm_unk_penalty)
        model = read_arpa(config.lm)
        try:
            parts.append((UnitNgram if is_unit else WordNgram)(model, weights, tokenizer))
        except InputError as error:
            raise InputError(f"{config.lm}: {error}") from None
    if config.context is not None:
        phrases = read_phrases(config.context, config.context_score)
        try:
            parts.append(ContextGraph(phrases, tokenizer))
        except InputError as error:
            raise InputError(f"{config.context}: {error}") from None
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else FusionSum(parts)


class FusionReader:
    """A reader of fusions that keeps the latest one.

    Args:
        tokenizer: The model's units.
        device: The device of the fusions.
    """

    def __init__(self, tokenizer: Tokenizer, device: torch.device) -> None:
        self._tokenizer = tokenizer
        self._device = device
        self._latest: tuple[FusionConfig, nn.Module | None] = (FusionConfig(), None)

    def load(self, config: FusionConfig) -> nn.Module | None:
        """Return a fusion, see `build_fusion`; the latest one is not read again."""
        if config.describe() is None:  # keeps the latest, for calls with and without one in turn
            return None
        settings, fusion = self._latest
        if settings != config:
            fusion = build_fusion(config, self._tokenizer)
            fusion = None if fusion is None else fusion.to(self._device)
            self._latest = config, fusion  # at once, because threads may share this reader
        return fusion
