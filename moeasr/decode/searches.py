"""Decoding settings, and the searches by name."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from moeasr.decode.attention_beam import DecoderScorer, WeightedScorer, attention_beam_search
from moeasr.decode.ctc.forced_alignment import align_best
from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.decode.ctc.prefix_beam import ctc_prefix_beam_search
from moeasr.decode.ctc.prefix_scorer import CtcPrefixScorer
from moeasr.decode.fusion.build_fusion import FusionConfig
from moeasr.decode.fusion.protocol import Fusion
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.rescoring import attention_rescoring
from moeasr.errors import InputError
from moeasr.families import did_you_mean
from moeasr.models.asr import AsrModel
from moeasr.models.heads.attention_head import AttentionHead

DEFAULT_REVERSE_WEIGHT = 0.3


@dataclass(frozen=True, kw_only=True)
class DecodeConfig:
    """Settings of encoder and searches; each search reads those that concern it."""

    chunk_size: int = -1
    """Encoder frames per chunk, as if streaming; -1 for full context."""
    num_left_chunks: int = -1
    """Chunks of the past that a frame sees; -1 for all."""
    beam_size: int = 10
    """Hypotheses kept, and length of the n-best list."""
    ctc_weight: float = 0.5
    """Weight w of the CTC score: in rescoring attention + w CTC (as in WeNet), in joint decoding
    (1 - w) attention + w CTC (as in ESPnet)."""
    reverse_weight: float | None = None
    """Share of the right-to-left decoder in attention rescoring, 0 to 1; null means 0.3 if the
    model has that decoder, else 0."""
    length_penalty: float = 0.0
    """Attention search and joint decoding: added to the score for each token."""

    fusion: FusionConfig = FusionConfig()
    """Language model and boosted phrases, in every beam search (attention rescoring gets them with
    its n-best lists)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.chunk_size != -1 and self.chunk_size < 1:
            raise InputError(
                f"`chunk_size` must be -1 (full context) or at least 1, but is {self.chunk_size}"
            )
        if self.num_left_chunks < -1:
            raise InputError(
                f"`num_left_chunks` must be -1 (all) or at least 0, but is {self.num_left_chunks}"
            )
        if self.num_left_chunks != -1 and self.chunk_size == -1:
            raise InputError("`num_left_chunks` means nothing without `chunk_size`")
        if self.beam_size < 1:
            raise InputError(f"`beam_size` must be at least 1, but is {self.beam_size}")
        if not 0 <= self.ctc_weight < math.inf:
            raise InputError(f"`ctc_weight` must be at least 0, but is {self.ctc_weight}")
        if not math.isfinite(self.length_penalty):
            raise InputError(f"`length_penalty` must be finite, but is {self.length_penalty}")
        if self.reverse_weight is not None and not 0 <= self.reverse_weight <= 1:
            raise InputError(
                f"`reverse_weight` must be between 0 and 1, but is {self.reverse_weight}"
            )

    def resolve(self, model: AsrModel) -> "DecodeConfig":
        """The same with the defaults that depend on the model filled in.

        Raises:
            InputError: It asks for chunks of a model that cannot decode in them, or for a
                right-to-left decoder that the model lacks.
        """
        if self.chunk_size != -1:
            model.check_chunks()
        attention = model.heads.get("attention")
        has_reverse = isinstance(attention, AttentionHead) and attention.can_rescore_in_reverse
        if self.reverse_weight is None:
            weight = DEFAULT_REVERSE_WEIGHT if has_reverse else 0.0
            return dataclasses.replace(self, reverse_weight=weight)
        if self.reverse_weight > 0 and not has_reverse:
            raise InputError(
                f"`reverse_weight` {self.reverse_weight} needs a right-to-left decoder, but this "
                "model has none, or trained it with weight 0"
            )
        return self


class SearchInput(NamedTuple):
    """What one encoder pass offers to all searches of a batch."""

    model: AsrModel
    enc: Tensor
    """(B, T', D)."""
    enc_lens: Tensor
    """(B,)."""
    log_probs: Tensor
    """(B, T', V), CTC."""
    fusion: Fusion | None = None
    """What `DecodeConfig.fusion` asks for."""


class Search(NamedTuple):
    """A decoding mode."""

    run: Callable[[SearchInput, DecodeConfig], list[list[Hypothesis]]]
    """Gives the n-best list of each utterance; its config is a resolved one."""
    needs_ctc: bool
    needs_decoder: bool
    settings: tuple[str, ...]
    """Fields of the config that it reads, beside those of the encoder."""
    second_pass: (
        Callable[[list[list[Hypothesis]], SearchInput, DecodeConfig], list[list[Hypothesis]]] | None
    ) = None
    """What it makes of the n-best lists of CTC prefix beam search, if it is of that kind."""


def find_searches(modes: Sequence[str], model: AsrModel) -> dict[str, Search]:
    """The searches of some modes.

    Raises:
        InputError: A mode is unknown or given twice, or the model has no trained part for it.
    """
    if not modes:
        raise InputError(f"no decoding mode given; there are: {', '.join(SEARCHES)}")
    _check_known(modes)
    searches = {}
    for mode in modes:
        if mode in searches:
            raise InputError(f"decoding mode '{mode}' is given twice")
        search = searches[mode] = SEARCHES[mode]
        if search.needs_decoder and model.config.ctc_weight == 1:
            raise InputError(
                f"mode '{mode}' needs an attention decoder, but this model was trained without "
                "one (`ctc_weight: 1`)"
            )
        if search.needs_ctc and model.config.ctc_weight == 0:
            raise InputError(
                f"mode '{mode}' needs CTC, but this model was trained without it (`ctc_weight: 0`)"
            )
    return searches


def _check_known(modes: Sequence[str]) -> None:
    for mode in modes:
        if mode not in SEARCHES:
            nearest = did_you_mean(mode, SEARCHES) or ";"
            raise InputError(
                f"unknown decoding mode '{mode}'{nearest} there are: {', '.join(SEARCHES)}"
            )


def check_settings(modes: Sequence[str], config: DecodeConfig, given: Sequence[str] = ()) -> None:
    """Make sure that the modes can do what they are told.

    Args:
        modes: Names of `SEARCHES`.
        config: Settings.
        given: Those of its fields that the user set.

    Raises:
        InputError: A mode is unknown, none reads a given setting, or one cannot work with its
            value.
    """
    _check_known(modes)
    if config.fusion.describe() is not None:
        able = [mode for mode, search in SEARCHES.items() if "fusion" in search.settings]
        for mode in modes:
            if mode not in able:
                raise InputError(
                    f"mode '{mode}' cannot use a language model or boosted phrases, which score "
                    f"the prefixes of a beam search: {', '.join(able)}"
                )
    for name in given:
        readers = [mode for mode, search in SEARCHES.items() if name in search.settings]
        if not set(readers) & set(modes):
            raise InputError(
                f"`{name}` means nothing to {', '.join(modes)}; it is for {', '.join(readers)}"
            )
    if "joint_decoding" in modes and config.ctc_weight > 1:
        raise InputError(
            "in joint decoding `ctc_weight` is CTC's share of the score, between 0 and 1, but is "
            f"{config.ctc_weight}"
        )


def _greedy(inputs: SearchInput, config: DecodeConfig) -> list[list[Hypothesis]]:
    best = ctc_greedy_search(inputs.log_probs, inputs.enc_lens)
    return [[hypothesis] for hypothesis in best]


def _prefix_beam(inputs: SearchInput, config: DecodeConfig) -> list[list[Hypothesis]]:
    nbest = _first_pass(inputs, config)
    return align_best(nbest, inputs.log_probs, inputs.enc_lens)


def _first_pass(inputs: SearchInput, config: DecodeConfig) -> list[list[Hypothesis]]:
    return ctc_prefix_beam_search(
        inputs.log_probs, inputs.enc_lens, config.beam_size, fusion=inputs.fusion
    )


def _attention(inputs: SearchInput, config: DecodeConfig) -> list[list[Hypothesis]]:
    nbest = _search(inputs, config, ctc_weight=0.0)
    if inputs.model.config.ctc_weight == 0:  # its CTC head knows nothing of times
        return nbest
    return align_best(nbest, inputs.log_probs, inputs.enc_lens)


def _joint(inputs: SearchInput, config: DecodeConfig) -> list[list[Hypothesis]]:
    return align_best(_search(inputs, config, config.ctc_weight), inputs.log_probs, inputs.enc_lens)


def _search(inputs: SearchInput, config: DecodeConfig, ctc_weight: float) -> list[list[Hypothesis]]:
    model, scorers = inputs.model, []
    if ctc_weight < 1:
        decoder = DecoderScorer(model.decoder, inputs.enc, inputs.enc_lens)
        scorers.append(WeightedScorer(decoder, 1 - ctc_weight, "attention"))
    if ctc_weight > 0:
        ctc = CtcPrefixScorer(inputs.log_probs, inputs.enc_lens, model.sos_eos)
        scorers.append(WeightedScorer(ctc, ctc_weight, "ctc"))
    return attention_beam_search(
        scorers,
        max_lens=inputs.enc_lens,  # one token per encoder frame: the most that CTC can write
        beam_size=config.beam_size,
        sos_eos=model.sos_eos,
        length_penalty=config.length_penalty,
        fusion=inputs.fusion,
    )


def _rescoring(inputs: SearchInput, config: DecodeConfig) -> list[list[Hypothesis]]:
    # The first pass is run here again even if another mode did so too: each mode's time is whole.
    nbest = _first_pass(inputs, config)
    return _rescore(nbest, inputs, config)


def _rescore(
    nbest: list[list[Hypothesis]], inputs: SearchInput, config: DecodeConfig
) -> list[list[Hypothesis]]:
    rescored = attention_rescoring(
        nbest,
        inputs.enc,
        inputs.enc_lens,
        decoder=inputs.model.decoder,
        reverse_decoder=inputs.model.all_heads["attention"].reverse_decoder,
        sos_eos=inputs.model.sos_eos,
        ctc_weight=config.ctc_weight,
        reverse_weight=config.reverse_weight,
    )
    return align_best(rescored, inputs.log_probs, inputs.enc_lens)


SEARCHES: dict[str, Search] = {
    "ctc_greedy_search": Search(_greedy, needs_ctc=True, needs_decoder=False, settings=()),
    "ctc_prefix_beam_search": Search(
        _prefix_beam, needs_ctc=True, needs_decoder=False, settings=("beam_size", "fusion")
    ),
    "attention": Search(
        _attention,
        needs_ctc=False,
        needs_decoder=True,
        settings=("beam_size", "length_penalty", "fusion"),
    ),
    "attention_rescoring": Search(
        _rescoring,
        needs_ctc=True,
        needs_decoder=True,
        settings=("beam_size", "ctc_weight", "reverse_weight", "fusion"),
        second_pass=_rescore,
    ),
    "joint_decoding": Search(
        _joint,
        needs_ctc=True,
        needs_decoder=True,
        settings=("beam_size", "ctc_weight", "length_penalty", "fusion"),
    ),
}
