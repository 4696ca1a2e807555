"""The decoding modes of model folders, and the check of their settings."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from moeasr.decode.attention_scores import rescored
from moeasr.decode.config import ENCODER_SETTINGS, DecodeConfig
from moeasr.decode.ctc.greedy import GreedySearch
from moeasr.decode.ctc.token_alignment import with_alignment
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.first_pass import FirstPass
from moeasr.deploy.networks import DecoderNetwork, Encoded
from moeasr.deploy.phrase_scorer import PhraseScorer
from moeasr.deploy.prefix_search import MAX_UNDECIDED, PrefixSearch
from moeasr.deploy.viterbi import align
from moeasr.errors import InputError, did_you_mean


class FolderMode(NamedTuple):
    """A decoding mode."""

    first_pass: Callable[[DecodeConfig, int | None, PhraseScorer | None], FirstPass]
    """Function that starts the search of an utterance. Its arguments are the settings, the largest
    number of undecided units, and boosted phrases."""
    settings: frozenset[str]
    """Fields of the config that the mode reads, apart from those of the encoder."""
    has_times: bool = False
    """True if the first pass gives the times of tokens."""
    rescores: bool = False
    """True if attention decoders rescore the hypotheses of the first pass."""


class ArrayGreedySearch(GreedySearch):
    """CTC greedy search on arrays of NumPy."""

    def advance(self, log_probs: np.ndarray, lens: np.ndarray) -> None:
        """Search the next frames (B, C, V) of each stream, of which it has (B,) `lens`."""
        ids = log_probs.argmax(axis=-1)
        values = np.take_along_axis(log_probs, ids[..., None], axis=-1)[..., 0]
        self.extend(ids.tolist(), values.tolist(), lens.tolist())


def _greedy(
    config: DecodeConfig, max_undecided: int | None, phrases: PhraseScorer | None
) -> FirstPass:
    return ArrayGreedySearch(num_streams=1)


def _prefix(
    config: DecodeConfig, max_undecided: int | None, phrases: PhraseScorer | None
) -> FirstPass:
    return PrefixSearch(config.beam_size, max_undecided=max_undecided, phrases=phrases)


MODES: dict[str, FolderMode] = {
    "ctc_greedy_search": FolderMode(_greedy, frozenset(), has_times=True),
    "ctc_prefix_beam_search": FolderMode(_prefix, frozenset({"beam_size", "fusion"})),
    "attention_rescoring": FolderMode(
        _prefix, frozenset({"beam_size", "fusion", "ctc_weight", "reverse_weight"}), rescores=True
    ),
}
"""The modes, from the fastest to the most accurate."""


def choose_mode(
    mode: str | None, modes: Sequence[str], config: DecodeConfig, given: Sequence[str]
) -> str:
    """Return the decoding mode after checking that it supports the settings.

    Args:
        mode: The mode; None chooses the most accurate one.
        modes: The modes that the folder can do, from the fastest to the most accurate.
        config: The settings.
        given: Names of the settings that the user chose; the mode must read them.

    Raises:
        InputError: The folder does not support the mode or a setting.
    """
    if config.fusion.lm is not None:
        raise InputError(
            "a model folder cannot use a language model; use the checkpoint, or sherpa-onnx with a "
            "decoding graph"
        )
    if mode is not None:
        if mode not in modes:
            raise InputError(
                f"a model folder cannot do mode '{mode}'{did_you_mean(mode, modes) or ';'} this "
                f"one can do: {', '.join(modes)}"
            )
        _check_given(mode, given)
        return mode
    fault: InputError | None = None
    for candidate in reversed(modes):
        try:
            _check_given(candidate, given)
        except InputError as error:
            fault = fault or error
        else:
            return candidate
    raise fault or InputError("this model folder can do no mode")


def _check_given(mode: str, given: Sequence[str]) -> None:
    """Raise `InputError` unless a mode reads the settings."""
    for name in given:
        if name not in MODES[mode].settings and name not in ENCODER_SETTINGS:
            readers = [other for other, found in MODES.items() if name in found.settings]
            if name == "fusion":
                raise InputError(
                    f"mode '{mode}' cannot use boosted phrases; modes that can use them: "
                    f"{', '.join(readers)}"
                )
            what = f"it is for {', '.join(readers)}" if readers else "to use it, run the checkpoint"
            raise InputError(f"`{name}` has no effect in {mode} on a model folder; {what}")


def search(
    encoded: Encoded,
    mode: str,
    config: DecodeConfig,
    decoder: DecoderNetwork | None,
    phrases: PhraseScorer | None = None,
) -> list[Hypothesis]:
    """Return the hypotheses of a recording, best first.

    Args:
        encoded: Its encoder outputs, of at least one frame.
        mode: One of `MODES`.
        config: The settings, with a `reverse_weight`.
        decoder: The attention decoders, if the mode rescores.
        phrases: Boosted phrases, if the mode can use them.
    """
    first_pass = MODES[mode].first_pass(config, None, phrases)
    first_pass.advance(encoded.log_probs[None], np.array([len(encoded.log_probs)]))
    (nbest,) = first_pass.hypotheses(is_final=True)
    if MODES[mode].rescores and decoder is not None:
        return rescore(nbest, encoded, config, decoder)
    return align_first(nbest, encoded)


def live_search(mode: str, config: DecodeConfig, phrases: PhraseScorer | None) -> FirstPass:
    """Start the search of a stream."""
    return MODES[mode].first_pass(config, MAX_UNDECIDED, phrases)


def rescore(
    nbest: list[Hypothesis], encoded: Encoded, config: DecodeConfig, decoder: DecoderNetwork
) -> list[Hypothesis]:
    """Rescore the hypotheses of CTC prefix beam search, see `moeasr.decode.attention_scores`."""
    if not nbest:
        return []
    found = decoder.score(encoded.enc, [hypothesis.tokens for hypothesis in nbest])
    scores, confidence = found.forward.sum(axis=1), np.exp(found.forward[:, :-1])
    weight = config.reverse_weight or 0.0
    if weight > 0 and found.backward is not None:
        scores = (1 - weight) * scores + weight * found.backward.sum(axis=1)
        for row, backward, hypothesis in zip(confidence, found.backward, nbest):
            count = len(hypothesis.tokens)
            row[:count] = (row[:count] + np.exp(backward[:count][::-1])) / 2
    again = rescored(nbest, scores.tolist(), confidence.tolist(), config.ctc_weight)
    return align_first(again, encoded)


def align_first(nbest: list[Hypothesis], encoded: Encoded) -> list[Hypothesis]:
    """Add the alignment to the first hypothesis, and token confidence if missing."""
    if not nbest or nbest[0].spans is not None:
        return nbest
    alignment = align(encoded.log_probs, nbest[0].tokens)
    return [with_alignment(nbest[0], alignment), *nbest[1:]]
