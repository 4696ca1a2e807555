"""CTC prefix beam search on streams, which arrive chunk by chunk, or on whole utterances."""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from moeasr.decode.ctc.beam_history import trace_back
from moeasr.decode.ctc.beam_step import NEG_INF, Beam, Frames, extend
from moeasr.decode.ctc.prefix_history import History
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

    The result equals that of the textbook search over the whole vocabulary, although the search
    visits only those units of a frame that can enter the beam (see `Frames.prepare`). Sums are
    computed in float64.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame, on any device.
        enc_lens: (B,) number of frames without padding; padding frames are ignored.
        beam_size: Number of prefixes kept after each frame.
        fusion: An additional scorer of prefixes (see `PrefixBeam`) on the same device, or None.
        blank: Id of the blank.

    Returns:
        Up to `beam_size` hypotheses for each utterance, the best first, with score = ctc_score +
        fusion_score. They have no alignment (see `moeasr.decode.ctc.forced_alignment`).
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

    The hypotheses do not depend on the division of the frames into chunks. Units that all prefixes
    of a stream share are stored once and not processed again, so the cost of a chunk depends on its
    frames and on the undecided ends of the prefixes, but not on earlier speech. However, two
    prefixes of nearly equal probability that differ in one unit may remain in the beam for ever.
    `max_undecided` limits the length of undecided ends and keeps memory and time constant then.

    Args:
        num_streams: B, number of streams.
        beam_size: K, number of prefixes kept after each frame.
        fusion: A language model, boosted phrases or both; None if there is none. With a fusion,
            prefixes are ranked by the sum of CTC and fusion score. Every prefix may stay or be
            extended by the `NUM_FUSION_UNITS` likeliest units of a frame.
        blank: Id of the blank.
        device: Device of the log-probabilities.
        with_frames: True to give each token the frame of its stream (from 0) in which it was most
            probable, from its own arrival in the prefix to that of the next token. This does not
            need past log-probabilities. `moeasr.decode.ctc.forced_alignment` uses all
            log-probabilities and gives the frames of the best alignment instead.
        max_undecided: Maximum number of undecided units in the best prefix after a chunk. The
            oldest units beyond it are decided, and prefixes with different units are dropped. None
            for no limit.
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
        """Search the next frames of each stream.

        Args:
            log_probs: (B, C, V) log-probabilities of the new frames.
            lens: (B,) number of new frames without padding, from 0 to C.
        """
        # Sorted by length in descending order, so that the streams with frames left come first.
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

        They contain all units since the beginning of the stream or since `restart`.

        Args:
            is_final: True to let the fusion score the end of the streams: the fusion ends the last
                word, scores </s>, and removes the boost of incomplete phrases. The state of the
                search does not change.
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
        """Return the units of each stream from index `first`; those before it must be stable.

        The cost depends on the number of units after `first`, not on the length of the stream.
        """
        best = (self._beam.log_total + self._beam.fusion_score).argmax(dim=1).tolist()
        return [history.partial(slot, first) for history, slot in zip(self._histories, best)]

    @torch.inference_mode()
    def restart(self, streams: Sequence[int]) -> None:
        """Restart some streams after an end point, without units and with frames from 0."""
        fresh = Beam.initial(len(streams), self._beam_size, self._device, self._fusion)
        self._beam = self._beam.replace(torch.tensor(streams, device=self._device), fresh)
        for stream in streams:
            self._histories[stream] = History.initial(self._beam_size, self._with_frames)


def _search(
    beam: Beam, frames: Frames, lengths: list[int], fusion: Fusion | None
) -> tuple[Beam, list[Tensor], list[Tensor]]:
    """Search the frames of all streams; `lengths` are above 0 and in descending order.

    Returns:
        The last beam of each stream. Then, for each frame and the streams that have it, (open, K)
        the indices of the slots among the candidates, and (open, K) their last units.
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
