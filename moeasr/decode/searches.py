"""The table of searches by name, and the interface of a search."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.decode.attention_beam import attention_beam_search
from moeasr.decode.config import ENCODER_SETTINGS, DecodeConfig
from moeasr.decode.ctc.forced_alignment import align_best
from moeasr.decode.ctc.greedy import GreedySearch, ctc_greedy_search
from moeasr.decode.ctc.prefix_beam import PrefixBeam, ctc_prefix_beam_search
from moeasr.decode.ctc.prefix_scorer import CtcPrefixScorer
from moeasr.decode.fusion.protocol import Fusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.first_pass import FirstPass
from moeasr.decode.required_heads import require_heads, trained_heads
from moeasr.decode.rescoring import attention_rescoring
from moeasr.decode.step_scorer import DecoderScorer, WeightedScorer
from moeasr.errors import InputError, did_you_mean
from moeasr.families import is_import_path, look_up
from moeasr.models.asr import AsrModel

NBest = list[list[Hypothesis]]
"""Hypotheses of each utterance of a batch, best first."""


class SearchInput(NamedTuple):
    """The results of one encoder pass, which all searches of a batch share."""

    model: AsrModel
    enc: Tensor
    """Encoder output (B, T', D)."""
    enc_lens: Tensor
    """Number of encoder frames (B,) of each utterance."""
    log_probs: Tensor
    """CTC log-probabilities (B, T', V)."""
    fusion: Fusion | None
    """The fusion configured by `DecodeConfig.fusion`; None if there is none."""


class Search(NamedTuple):
    """A decoding mode.

    A search outside this package is an object of this class in an importable module. Its mode is
    the import path: `--modes my_package.my_search`.
    """

    run: Callable[[SearchInput, DecodeConfig], NBest]
    """Function that returns the n-best list of each utterance, given a resolved config."""
    heads: frozenset[str]
    """Heads of the model that the search needs, see `moeasr.decode.required_heads`."""
    settings: frozenset[str]
    """Fields of the config that the search reads, apart from those of the encoder."""
    check: Callable[[DecodeConfig], None] | None = None
    """Function that raises `InputError` if the search does not support the value of a setting."""
    live: Callable[[DecodeConfig, Fusion | None, torch.device], FirstPass] | None = None
    """Function that starts the search on a stream. None if the search needs the complete utterance;
    the partial results of a stream then come from CTC prefix beam search."""
    second_pass: Callable[[NBest, SearchInput, DecodeConfig], NBest] | None = None
    """Function that completes the n-best lists of CTC prefix beam search for a complete utterance:
    it rescores the hypotheses, or adds the times of tokens. None if the search runs on the
    utterance itself."""


def find_search(mode: str) -> Search:
    """Return the search of a mode, which is a name of `SEARCHES` or an import path.

    Raises:
        InputError: The mode is unknown, or the import path does not name a search.
    """
    if mode in SEARCHES or is_import_path(mode):
        return look_up(SEARCHES, mode, Search)
    nearest = did_you_mean(mode, SEARCHES) or ";"
    raise InputError(
        f"unknown decoding mode '{mode}'{nearest} the modes are: {', '.join(SEARCHES)}"
    )


def find_searches(modes: Sequence[str], model: AsrModel) -> dict[str, Search]:
    """Return the searches of some modes.

    Raises:
        InputError: A mode is unknown or given twice, or needs a head that the model lacks.
    """
    if not modes:
        raise InputError(f"no decoding mode is given; the modes are: {', '.join(SEARCHES)}")
    searches = {}
    for mode, search in [(mode, find_search(mode)) for mode in modes]:
        if mode in searches:
            raise InputError(f"decoding mode '{mode}' is given twice")
        searches[mode] = search
        require_heads(search.heads, model, f"mode '{mode}' needs")
    return searches


def check_settings(modes: Sequence[str], config: DecodeConfig, given: Sequence[str]) -> None:
    """Raise `InputError` unless the modes support the settings.

    Args:
        modes: Names of `SEARCHES`, or import paths.
        config: The decoding settings.
        given: Names of the settings that the user chose.

    Raises:
        InputError: A mode is unknown, no mode reads a given setting, or a mode does not support
            its value.
    """
    searches = {mode: find_search(mode) for mode in modes}
    if config.fusion.describe() is not None:
        for mode, search in searches.items():
            if "fusion" not in search.settings:
                raise InputError(
                    f"mode '{mode}' cannot use a language model or boosted phrases; modes that can "
                    f"use them: {', '.join(_readers('fusion'))}"
                )
    for name in given:
        is_read = any(name in search.settings for search in searches.values())
        if not is_read and name not in ENCODER_SETTINGS:
            readers = ", ".join(_readers(name)) or "searches outside moeasr"
            raise InputError(f"`{name}` has no effect in {', '.join(modes)}; it is for {readers}")
    for search in searches.values():
        if search.check is not None:
            search.check(config)


def _readers(setting: str) -> list[str]:
    return [mode for mode, search in SEARCHES.items() if setting in search.settings]


def _greedy(inputs: SearchInput, config: DecodeConfig) -> NBest:
    best = ctc_greedy_search(inputs.log_probs, inputs.enc_lens)
    return [[hypothesis] for hypothesis in best]


def _prefix_beam(inputs: SearchInput, config: DecodeConfig) -> NBest:
    return _align(_first_pass(inputs, config), inputs, config)


def _align(nbest: NBest, inputs: SearchInput, config: DecodeConfig) -> NBest:
    """Add the times of tokens, which the search does not find."""
    return align_best(nbest, inputs.log_probs, inputs.enc_lens)


def _first_pass(inputs: SearchInput, config: DecodeConfig) -> NBest:
    return ctc_prefix_beam_search(
        inputs.log_probs, inputs.enc_lens, config.beam_size, fusion=inputs.fusion
    )


def _attention(inputs: SearchInput, config: DecodeConfig) -> NBest:
    nbest = _search(inputs, config, ctc_weight=0.0)
    if "ctc" not in trained_heads(inputs.model):  # untrained CTC outputs give no times
        return nbest
    return align_best(nbest, inputs.log_probs, inputs.enc_lens)


def _joint(inputs: SearchInput, config: DecodeConfig) -> NBest:
    return align_best(_search(inputs, config, config.ctc_weight), inputs.log_probs, inputs.enc_lens)


def _search(inputs: SearchInput, config: DecodeConfig, ctc_weight: float) -> NBest:
    model, scorers = inputs.model, []
    if ctc_weight < 1:
        decoder = DecoderScorer(model.heads["attention"].decoder, inputs.enc, inputs.enc_lens)
        scorers.append(WeightedScorer(decoder, 1 - ctc_weight, "attention"))
    if ctc_weight > 0:
        ctc = CtcPrefixScorer(inputs.log_probs, inputs.enc_lens, model.sos_eos)
        scorers.append(WeightedScorer(ctc, ctc_weight, "ctc"))
    return attention_beam_search(
        scorers,
        max_lens=inputs.enc_lens,  # CTC emits at most one token per encoder frame
        beam_size=config.beam_size,
        sos_eos=model.sos_eos,
        length_penalty=config.length_penalty,
        fusion=inputs.fusion,
    )


def _rescoring(inputs: SearchInput, config: DecodeConfig) -> NBest:
    # The first pass runs again even if another mode ran it, so the time of each mode is complete.
    nbest = _first_pass(inputs, config)
    return _rescore(nbest, inputs, config)


def _rescore(nbest: NBest, inputs: SearchInput, config: DecodeConfig) -> NBest:
    head = inputs.model.heads["attention"]
    rescored = attention_rescoring(
        nbest,
        inputs.enc,
        inputs.enc_lens,
        decoder=head.decoder,
        reverse_decoder=head.reverse_decoder,
        sos_eos=inputs.model.sos_eos,
        ctc_weight=config.ctc_weight,
        reverse_weight=config.reverse_weight,
    )
    return align_best(rescored, inputs.log_probs, inputs.enc_lens)


def _check_joint(config: DecodeConfig) -> None:
    if config.ctc_weight > 1:
        raise InputError(
            "in joint decoding `ctc_weight` is CTC's share of the score, between 0 and 1, but is "
            f"{config.ctc_weight}"
        )


def _live_greedy(config: DecodeConfig, fusion: Fusion | None, device: torch.device) -> GreedySearch:
    return GreedySearch(num_streams=1)


def live_prefix_beam(
    config: DecodeConfig, fusion: Fusion | None, device: torch.device
) -> PrefixBeam:
    """Start CTC prefix beam search on one stream."""
    return PrefixBeam(1, config.beam_size, fusion, device=device)


CTC = frozenset({"ctc"})
ATTENTION = frozenset({"attention"})
SEARCHES: dict[str, Search] = {
    "ctc_greedy_search": Search(_greedy, CTC, frozenset(), live=_live_greedy),
    "ctc_prefix_beam_search": Search(
        _prefix_beam, CTC, frozenset({"beam_size", "fusion"}), second_pass=_align
    ),
    "attention": Search(
        _attention, ATTENTION, frozenset({"beam_size", "length_penalty", "fusion"})
    ),
    "attention_rescoring": Search(
        _rescoring,
        CTC | ATTENTION,
        frozenset({"beam_size", "ctc_weight", "reverse_weight", "fusion"}),
        second_pass=_rescore,
    ),
    "joint_decoding": Search(
        _joint,
        CTC | ATTENTION,
        frozenset({"beam_size", "ctc_weight", "length_penalty", "fusion"}),
        check=_check_joint,
    ),
}
"""The searches, roughly from the fastest to the most accurate: searches that use more heads of the
model usually make fewer errors."""
