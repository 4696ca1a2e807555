"""CTC prefix beam search over streams that are fed chunk by chunk, or over whole utterances."""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from moeasr.decode.ctc.beam_history import History, trace_back
from moeasr.decode.ctc.beam_step import NEG_INF, Beam, Frames, extend
from moeasr.decode.fusion.protocol import NUM_FUSION_UNITS, Fusion
from moeasr.decode.hypothesis import Hypothesis, PartialUnits


@torch.inference_mode()
def ctc_prefix_beam_search(
    log_probs: Tensor,
    enc_lens: Tensor,
    beam_size: int,
    fusion: Fusion | None,
    blank: int = 0,
) -> list[list[Hypothesis]]:
    """Find the most probable unit sequences, each summed over its alignments.

    Equal to the textbook search over the whole vocabulary: of a frame's units only those are looked
    at that can enter the beam at all (see `Frames.prepare`). Sums run in float64.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame, on any device.
        enc_lens: (B,) real frames; those after them are not looked at.
        beam_size: Prefixes kept after each frame.
        fusion: What else scores the prefixes (see `PrefixBeam`), on the same device; None for
            nothing.
        blank: Id of the blank.

    Returns:
        For each utterance up to `beam_size` hypotheses, the best first; score = ctc_score +
        fusion_score. They are not aligned (see `moeasr.decode.ctc.forced_alignment`).
    """
    beam = PrefixBeam(
        log_probs.size(0),
        beam_size,
        fusion,
        blank,
        log_probs.device,
        with_frames=False,
        max_undecided=None,
    )
    beam.advance(log_probs, enc_lens)
    return beam.hypotheses(is_final=True)


class PrefixBeam:
    """The state of the search in independent streams, each of which may last for hours.

    However the frames are cut into chunks, the hypotheses are the same. What all prefixes of a
    stream have in common is set aside as it becomes so: a chunk costs what its frames and the
    undecided ends of the prefixes cost, not what was said before. Two prefixes that are nearly
    equally probable may live on side by side for ever, though, differing in one unit; a limit for
    the length of undecided ends keeps memory and time constant then, too.

    Args:
        num_streams: B.
        beam_size: K, prefixes kept after each frame.
        fusion: A language model, boosted phrases or both, None for neither. With one, prefixes are
            ranked by the sum of CTC and fusion score; every prefix may stay, and be extended by the
            `NUM_FUSION_UNITS` likeliest units of a frame.
        blank: Id of the blank.
        device: That of the log-probabilities.
        with_frames: Give each token the frame of its stream, from 0, in which it was likeliest
            between its own arrival in the prefix and that of the next one. This needs no look back
            at the log-probabilities; `moeasr.decode.ctc.forced_alignment`, which sees them all,
            gives the frames of the best alignment instead.
        max_undecided: When a chunk leaves more units of the best prefix undecided, the oldest of
            them are decided as they are there, and prefixes with others are dropped. None for no
            limit.
    """

    def __init__(
        self,
        num_streams: int,
        beam_size: int,
        fusion: Fusion | None,
        blank: int = 0,
        device: torch.device | str = "cpu",
        with_frames: bool = True,
        max_undecided: int | None = 2000,
    ) -> None:
        self._beam_size = beam_size
        self._blank = blank
        self._device = torch.device(device)
        self._fusion = fusion
        self._with_frames = with_frames
        self._max_undecided = max_undecided
        self._beam = Beam.initial(num_streams, beam_size, self._device, fusion)
        self._histories = [History.initial(beam_size, with_frames) for _ in range(num_streams)]

    @torch.inference_mode()
    def advance(self, log_probs: Tensor, lens: Tensor) -> None:
        """Search some frames more of each stream.

        Args:
            log_probs: (B, C, V) log-probabilities of the frames that are new.
            lens: (B,) how many of them are real, from 0 to C.
        """
        # Longest first: the streams that are not over yet are then always the first ones.
        lens, order = lens.to(self._device).sort(descending=True, stable=True)
        lengths = [length for length in lens.tolist() if length > 0]
        if not lengths:
            return
        order = order[: len(lengths)]
        num_units = None if self._fusion is None else NUM_FUSION_UNITS
        frames = Frames.prepare(log_probs, order, self._beam_size, self._blank, num_units)
        beam, winners, lasts = _search(self._beam.select(order), frames, lengths, self._fusion)
        self._beam = self._beam.replace(order, beam)
        first_frames = None
        if self._with_frames:
            first_frames = [self._histories[stream].num_frames for stream in order.tolist()]
        runs = trace_back(winners, lasts, frames, lens[: len(lengths)], first_frames)
        alive = (beam.log_total > NEG_INF).sum(dim=1).tolist()
        for stream, stream_runs, num_live in zip(order.tolist(), runs, alive):
            self._histories[stream].append(stream_runs[:num_live])
            if self._max_undecided is not None:
                kept = self._histories[stream].decide(self._max_undecided)
                if len(kept) < num_live:
                    self._beam = self._beam.keep(stream, kept)
        for stream, length in zip(order.tolist(), lengths):
            self._histories[stream].num_frames += length

    @torch.inference_mode()
    def hypotheses(self, is_final: bool = False) -> list[list[Hypothesis]]:
        """Return the prefixes of each stream so far, best first; score = ctc_score + fusion_score.

        They are whole, from the stream's beginning (or `restart`) on.

        Args:
            is_final: The streams end here, for the fusion: the last word is over, </s> is scored,
                and a phrase that has only begun is not boosted. Changes nothing in the search.
        """
        fusion_score = self._beam.fusion_score
        if self._fusion is not None and is_final:
            fusion_score = fusion_score + self._fusion.finish(self._beam.fusion_state)
        score, slots = (self._beam.log_total + fusion_score).sort(
            dim=1, descending=True, stable=True
        )
        columns = [part.gather(1, slots) for part in (self._beam.log_total, fusion_score)]
        return [
            [
                history.hypothesis(slot, score, ctc, None if self._fusion is None else fusion)
                for slot, score, ctc, fusion in zip(*rows)
                if score > NEG_INF
            ]
            for history, *rows in zip(
                self._histories, *(part.tolist() for part in (slots, score, *columns))
            )
        ]

    def partial(self, first: int = 0) -> list[PartialUnits]:
        """Return the units of each stream from place `first` on; those before it must be stable.

        The cost is that of the units after `first`, however long the stream.
        """
        best = (self._beam.log_total + self._beam.fusion_score).argmax(dim=1).tolist()
        return [history.partial(slot, first) for history, slot in zip(self._histories, best)]

    @torch.inference_mode()
    def restart(self, streams: Sequence[int]) -> None:
        """Begin some streams anew, as after an end point: no units, frames from 0 again."""
        fresh = Beam.initial(len(streams), self._beam_size, self._device, self._fusion)
        self._beam = self._beam.replace(torch.tensor(streams, device=self._device), fresh)
        for stream in streams:
            self._histories[stream] = History.initial(self._beam_size, self._with_frames)


def _search(
    beam: Beam, frames: Frames, lengths: list[int], fusion: Fusion | None
) -> tuple[Beam, list[Tensor], list[Tensor]]:
    """Search the frames of the streams that are not over; `lengths` are above 0 and descending.

    Returns:
        The last beam of each stream, and frame by frame for the streams that had it (open, K) which
        candidates the slots were, and their last units.
    """
    winners, lasts, ended = [], [], []
    num_open = len(lengths)
    for time in range(lengths[0]):
        still_open = bisect_left(lengths, -time, key=lambda length: -length)
        if still_open < num_open:
            ended.append(beam.select(slice(still_open, None)))
            beam, num_open = beam.select(slice(still_open)), still_open
        beam, frame_winners = extend(beam, frames, time, fusion)
        winners.append(frame_winners)
        lasts.append(beam.relations[..., 2])
    return Beam.join([beam, *reversed(ended)]), winners, lasts
