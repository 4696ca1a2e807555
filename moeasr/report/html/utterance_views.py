"""Single utterances of a report: their routes beside words, units, spectrogram and audio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from moeasr.decode.recognizer import Recognizer
from moeasr.report.html.error_analysis import Alignments, worst_utterances
from moeasr.report.html.frame_labels import word_spans
from moeasr.report.html.plain_values import NOT_EXPORTED
from moeasr.report.html.routes import RoutedUtterance, Routes
from moeasr.score.alignment import Step, count
from moeasr.score.examples import choose_examples

Span = tuple[str, float, float]
"""A text with its start and end in seconds."""


@dataclass(frozen=True, kw_only=True)
class UtteranceView:
    """One utterance, frame by frame."""

    utt_id: str
    duration_sec: float
    frame_sec: float
    """Seconds from one encoder frame to the next."""
    words: list[Span]
    """Words of the transcript on the CTC alignment."""
    units: list[Span]
    """Units of the transcript on the CTC alignment."""
    experts: list[list[int]]
    """First expert by layer and frame."""
    steps: list[Step]
    """Alignment of transcript and hypothesis; empty if the utterance is not decoded."""
    feats: np.ndarray = field(metadata=NOT_EXPORTED)
    """Log-mel features, (T, F)."""
    audio: bytes | None = field(default=None, metadata=NOT_EXPORTED)
    """FLAC file; None if there is no audio."""


def choose_utterances(alignments: Alignments, num: int) -> list[str]:
    """Return the worst utterance, a typical one with errors, the longest without errors, and more.

    Args:
        alignments: Word alignments of the test set.
        num: Largest number of utterances.
    """
    right = [utt_id for utt_id, steps in alignments.items() if not count(steps).num_errors]
    right.sort(key=lambda utt_id: (-count(alignments[utt_id]).num_ref, utt_id))
    typical = [
        utt_id
        for utt_id in choose_examples(alignments).utt_ids
        if count(alignments[utt_id]).percent
    ]
    order = [*worst_utterances(alignments, 1), *typical[:1], *right[:1], *typical, *right]
    return list(dict.fromkeys(order))[:num]


def make_views(
    routes: Routes,
    recognizer: Recognizer,
    utt_ids: Sequence[str],
    alignments: Alignments,
    clips: Mapping[str, bytes],
) -> list[UtteranceView]:
    """Return the views of utterances whose features `routes` contains."""
    places = {utterance.utt_id: n for n, utterance in enumerate(routes.utterances)}
    found = []
    for utt_id in utt_ids:
        utterance = routes.utterances[places[utt_id]]
        assert utterance.feats is not None
        frame_sec = recognizer.frame_sec
        found.append(
            UtteranceView(
                utt_id=utt_id,
                duration_sec=len(utterance.feats) * recognizer.fbank.frame_shift_sec,
                frame_sec=frame_sec,
                words=[
                    (word, start * frame_sec, end * frame_sec)
                    for word, start, end in word_spans(utterance, recognizer.tokenizer)
                ],
                units=_units(utterance, recognizer),
                experts=routes.of(places[utt_id]).tolist(),
                steps=list(alignments.get(utt_id, ())),
                feats=utterance.feats,
                audio=clips.get(utt_id),
            )
        )
    return found


def _units(utterance: RoutedUtterance, recognizer: Recognizer) -> list[Span]:
    units, frame_sec = recognizer.tokenizer.units, recognizer.frame_sec
    return [
        (units[token], start * frame_sec, end * frame_sec)
        for token, (start, end) in zip(utterance.tokens, utterance.spans)
    ]
