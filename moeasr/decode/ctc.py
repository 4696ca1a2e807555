"""CTC searches on log-probabilities: greedy, and prefix beam search batched over utterances.

Prefix beam search follows Hannun et al., "First-Pass Large Vocabulary Continuous Speech
Recognition using Bi-Directional Recurrent DNNs" (arXiv 1408.2873), algorithm 1 without its word
model. Each prefix l carries two probabilities, of all alignments that end in a blank, p_b(l), and
in its last unit, p_n(l). A frame with output probabilities y changes them to

    p_b'(l) = y(blank) (p_b(l) + p_n(l))
    p_n'(l) = y(last(l)) (p_n(l) + p_b(l-) + [last(l-) != last(l)] p_n(l-))      l- = l less its end

and the `beam_size` most probable prefixes stay. The textbook loops over frames, prefixes and units
and merges equal prefixes in a dictionary. Here one frame of all utterances is a handful of
tensor operations, and equal prefixes are known by their nodes, 64-bit hashes of their units.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from moeasr.decode.hypothesis import Hypothesis

NEG_INF = float("-inf")
EMPTY_NODE = 1  # of the empty prefix; not 0, which times anything is 0 again
NO_NODE = torch.iinfo(torch.int64).min
HASH_MULTIPLIER = -7046029254386353131  # 2^64 / golden ratio, odd


def ctc_greedy_search(log_probs: Tensor, enc_lens: Tensor, blank: int = 0) -> list[Hypothesis]:
    """The best label of every frame, repeats merged and blanks dropped.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame.
        enc_lens: (B,) real frames.
        blank: Id of the blank.

    Returns:
        B hypotheses; the score is the log-probability of the best alignment.
    """
    best_values, best_ids = log_probs.max(dim=-1)  # (B, T')
    hypotheses = []
    for values, ids, length in zip(best_values.tolist(), best_ids.tolist(), enc_lens.tolist()):
        tokens, frames = [], []
        for token, run in groupby(range(length), key=ids.__getitem__):
            if token != blank:
                tokens.append(token)
                frames.append(max(run, key=values.__getitem__))
        score = sum(values[:length])
        hypotheses.append(
            Hypothesis(tokens=tuple(tokens), score=score, ctc_score=score, frames=tuple(frames))
        )
    return hypotheses


@torch.inference_mode()
def ctc_prefix_beam_search(
    log_probs: Tensor, enc_lens: Tensor, beam_size: int, blank: int = 0
) -> list[list[Hypothesis]]:
    """The most probable unit sequences, each summed over its alignments, by prefix beam search.

    Equal to the textbook search over the whole vocabulary: of a frame's units only those are looked
    at that can enter the beam at all (see `_Frames.prepare`). Sums run in float64.

    Args:
        log_probs: (B, T', V) log-probabilities of each frame, on any device.
        enc_lens: (B,) real frames; those after them are not looked at.
        beam_size: Prefixes kept after each frame.
        blank: Id of the blank.

    Returns:
        For each utterance up to `beam_size` hypotheses, the best first; score = ctc_score.
    """
    if log_probs.size(0) == 0:
        return []
    # Longest first: the utterances that are not over yet are then always the first ones.
    lengths, order = enc_lens.sort(descending=True, stable=True)
    frames = _Frames.prepare(log_probs, order.to(log_probs.device), beam_size, blank)
    trace = _search(frames, lengths.tolist(), beam_size)
    by_length = trace.hypotheses()
    return [by_length[place] for place in order.argsort().tolist()]


def _search(frames: "_Frames", lengths: list[int], beam_size: int) -> "_Trace":
    """Go through the frames with those utterances that are not over yet; `lengths` fall."""
    beam = _Beam.initial(len(lengths), beam_size, frames.units.device)
    trace = _Trace(frames.ranks, [], [], [])
    num_open = len(lengths)
    for time in range(lengths[0]):
        still_open = bisect_left(lengths, -time, key=lambda length: -length)
        if still_open < num_open:
            trace.log_totals.append(beam.log_total[still_open:])
            beam, num_open = beam.first(still_open), still_open
        beam, winners = _extend(beam, frames, time)
        trace.winners.append(winners)
        trace.lasts.append(beam.relations[..., 2])
    trace.log_totals.append(beam.log_total)
    return trace


@dataclass(frozen=True)
class _Frames:
    """What the search reads of each frame; P extensions of the beam are tried in each."""

    log_probs: Tensor  # (B * T' * V,) as given: a large vocabulary is not copied
    starts: Tensor  # (T', B, 1) where each frame begins in it
    blank: Tensor  # (T', B, 1) float64
    ranks: Tensor  # (K + P,) rank that a candidate has now: K that stay, then extensions, ...
    values: Tensor  # (T', B, P) float64, ... each with the unit of this log-probability ...
    units: Tensor  # (T', B, P) ... and this id

    @classmethod
    def prepare(cls, log_probs: Tensor, order: Tensor, beam_size: int, blank: int) -> "_Frames":
        """Choose the extensions that can enter the beam.

        Take the m-th likeliest unit after the k-th best prefix (both from 0). At least as good are
        the likelier units after that prefix and the first m+1 units after every better prefix,
        less one of each prefix: its last unit, which, repeated, scores lower than its place. These
        are (k+1) m - 1 different prefixes, whether or not they are in the beam already. If that
        is `beam_size` or more, nobody needs to try this one.
        """
        device = log_probs.device
        _, num_frames, vocab_size = log_probs.shape
        num_top = min(beam_size + 1, vocab_size - 1)
        pairs = [
            (rank, place)
            for rank in range(beam_size)
            for place in range(num_top)
            if (rank + 1) * place <= beam_size
        ]
        ranks, places = torch.tensor(pairs, device=device).unbind(1)
        # One more than needed, since the blank may be among them; it goes to -inf, so to the end.
        values, units = log_probs.topk(num_top + 1, dim=-1)  # (B, T', M)
        values = values.masked_fill(units == blank, NEG_INF)
        best = values.sort(dim=-1, descending=True, stable=True).indices[..., places]
        frame = order * num_frames + torch.arange(num_frames, device=device)[:, None]  # (T', B)
        return cls(
            log_probs=log_probs.flatten(),
            starts=(frame * vocab_size)[..., None],
            blank=log_probs[..., blank, None].double()[order].transpose(0, 1),
            ranks=torch.cat([torch.arange(beam_size, device=device), ranks]),
            values=values.gather(-1, best).double()[order].transpose(0, 1).contiguous(),
            units=units.gather(-1, best)[order].transpose(0, 1).contiguous(),
        )


@dataclass(frozen=True)
class _Beam:
    """The K prefixes of every utterance, best first; slots without a prefix are dead: -inf."""

    log_total: Tensor  # (B, K) float64, log (p_b + p_n)
    log_blank: Tensor  # (B, K) float64, log p_b
    log_unit: Tensor  # (B, K) float64, log p_n
    # (B, K, 3) int64: the prefix's node, the node of the prefix less its last unit (NO_NODE for
    # the empty prefix and the dead), the last unit. One table: moving it is one operation.
    relations: Tensor

    @classmethod
    def initial(cls, num_utts: int, beam_size: int, device: torch.device) -> "_Beam":
        relations = torch.zeros(num_utts, beam_size, 3, dtype=torch.int64, device=device)
        relations[..., :2] = NO_NODE
        relations[:, 0, 0] = EMPTY_NODE
        log_total = torch.full((num_utts, beam_size), NEG_INF, dtype=torch.float64, device=device)
        log_unit = log_total.clone()
        log_total[:, 0] = 0.0  # slot 0 is the empty prefix, the others are dead
        return cls(log_total, log_total, log_unit, relations)

    def first(self, num_utts: int) -> "_Beam":
        """The beam of the first utterances only."""
        parts = (self.log_total, self.log_blank, self.log_unit, self.relations)
        return _Beam(*(part[:num_utts] for part in parts))


def _extend(beam: _Beam, frames: _Frames, time: int) -> tuple[_Beam, Tensor]:
    """One frame of the utterances that are in the beam.

    Returns:
        The next beam, and (B, K) which of the K + P candidates its prefixes were.
    """
    num_utts, num_slots = beam.log_total.shape
    node, parent, last = beam.relations.unbind(2)  # (B, K) each

    # Prefixes that stay: through a blank, through their last unit again, or because a prefix one
    # unit shorter grows into them. no_child[b, i, j]: prefix j is not prefix i and one unit more.
    no_child = node[:, :, None] != parent[:, None, :]  # (B, K, K)
    repeats = last[:, :, None] == last[:, None, :]
    growth = torch.where(repeats, beam.log_blank[:, :, None], beam.log_total[:, :, None])
    inflow = growth.masked_fill_(no_child, NEG_INF).amax(dim=1)  # at most one is not -inf
    last_value = frames.log_probs.take(frames.starts[time, :num_utts] + last)
    stay_blank = beam.log_total + frames.blank[time, :num_utts]
    stay_unit = torch.logaddexp(beam.log_unit, inflow) + last_value

    # Prefixes that grow, save those that are in the beam already.
    units, ranks = frames.units[time, :num_utts], frames.ranks[num_slots:]  # (B, P), (P,)
    grown_from = beam.relations.index_select(1, ranks)  # (B, P, 3)
    grow_total = beam.log_total.index_select(1, ranks)
    grow_blank = beam.log_blank.index_select(1, ranks)
    grow = torch.where(units == grown_from[..., 2], grow_blank, grow_total)
    children = _child_node(grown_from[..., 0], units)
    is_known = (node[:, :, None] == children[:, None, :]).any(dim=1)
    grow += frames.values[time, :num_utts]
    grow.masked_fill_(is_known, NEG_INF)

    totals = torch.cat([torch.logaddexp(stay_blank, stay_unit), grow], dim=1)  # (B, K + P)
    log_total, winners = totals.topk(num_slots, dim=1)
    grown = torch.stack([children, grown_from[..., 0], units], dim=2)
    relations = torch.cat([beam.relations, grown], dim=1)
    relations = relations.gather(1, winners[..., None].expand(-1, -1, 3))
    # Where live candidates are too few, a dead one may be the twin of a live prefix, and would
    # come alive with it, or hide it, if it kept its node and parent.
    relations[..., :2].masked_fill_((log_total == NEG_INF)[..., None], NO_NODE)
    ends_in_blank = torch.cat([stay_blank, torch.full_like(grow, NEG_INF)], dim=1)
    ends_in_unit = torch.cat([stay_unit, grow], dim=1)
    beam = _Beam(
        log_total=log_total,
        log_blank=ends_in_blank.gather(1, winners),
        log_unit=ends_in_unit.gather(1, winners),
        relations=relations,
    )
    return beam, winners


def _child_node(node: Tensor, unit: Tensor) -> Tensor:
    """Node of a prefix that is `unit` longer: a 64-bit hash of the whole unit sequence.

    Multiplying spreads a difference upwards and the shift brings it down again, so that two
    sequences share a node about once in 2^64 / V pairs. An hour of speech compares 10^8 or fewer.
    """
    child = (node + unit).mul_(HASH_MULTIPLIER)  # wraps around, as it should
    return child ^ (child >> 32)


@dataclass(frozen=True)
class _Trace:
    """What is needed to read the prefixes off at the end, frame by frame."""

    ranks: Tensor  # (K + P,) see _Frames
    winners: list[Tensor]  # each (utterances open, K): which candidate each slot was
    lasts: list[Tensor]  # each (utterances open, K): its last unit
    log_totals: list[Tensor]  # of the utterances in the order they ended: the shortest first

    def hypotheses(self) -> list[list[Hypothesis]]:
        """Follow each slot of the last beams back to the first frame."""
        log_total = torch.cat(self.log_totals[::-1])  # (B, K)
        num_utts, num_slots = log_total.shape
        if not self.winners:  # no utterance has a frame
            return [[Hypothesis(tokens=(), score=0.0, ctc_score=0.0)] for _ in range(num_utts)]
        num_silent = num_utts - self.winners[0].size(0)  # without a single frame
        winners = pad_sequence(self.winners, batch_first=True)  # (T', B, K)
        winners = pad(winners, (0, 0, 0, num_silent))
        origins = self.ranks[winners]
        visited = torch.empty_like(winners)  # slots by which the paths go
        slots = torch.arange(num_slots, device=winners.device).repeat(winners.size(1), 1)
        for time in reversed(range(winners.size(0))):
            visited[time] = slots
            num_open = self.winners[time].size(0)
            slots[:num_open] = origins[time, :num_open].gather(1, slots[:num_open])
        units = pad(pad_sequence(self.lasts, batch_first=True), (0, 0, 0, num_silent))
        units = units.masked_fill(winners < num_slots, -1)
        paths = units.gather(2, visited).permute(1, 2, 0).tolist()  # -1 where nothing grew
        return [
            [
                Hypothesis(tokens=tuple(u for u in path if u >= 0), score=total, ctc_score=total)
                for total, path in zip(utt_totals, utt_paths)
                if total > NEG_INF
            ]
            for utt_totals, utt_paths in zip(log_total.tolist(), paths)
        ]
