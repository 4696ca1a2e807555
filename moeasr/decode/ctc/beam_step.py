"""One frame of CTC prefix beam search, for all utterances of a batch at once.

The search follows Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs" (arXiv 1408.2873), algorithm 1 without its word model. Each prefix l
has two probabilities: p_b(l) of all alignments that end in a blank, and p_n(l) of all alignments
that end in its last unit. A frame with output probabilities y changes them to

    p_b'(l) = y(blank) (p_b(l) + p_n(l))
    p_n'(l) = y(last(l)) (p_n(l) + p_b(l-) + [last(l-) != last(l)] p_n(l-))      l- = l less its end

and the search keeps the `beam_size` most probable prefixes. The textbook algorithm loops over
frames, prefixes and units and merges equal prefixes in a dictionary. Here a few tensor operations
advance all utterances by one frame. Equal prefixes are found by their nodes, which are 64-bit
hashes of their units.

With a fusion (`moeasr.decode.fusion.protocol`) the search keeps the prefixes with the highest sum
of log (p_b + p_n) and fusion score.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from moeasr.decode.ctc.prefix_history import NEG_INF
from moeasr.decode.fusion.protocol import Fusion

EMPTY_NODE = 1  # node of the empty prefix; must not be 0, because nodes are multiplied
NO_NODE = torch.iinfo(torch.int64).min
HASH_MULTIPLIER = -7046029254386353131  # 2^64 / golden ratio, odd


@dataclass(frozen=True)
class Frames:
    """The inputs of the search for each frame, with the P extensions of the beam to try."""

    log_probs: Tensor  # (B * T' * V,) not copied, because the vocabulary may be large
    starts: Tensor  # (T', B, 1) offset of each frame in `log_probs`
    blank: Tensor  # (T', B, 1) float64
    ranks: Tensor  # (K + P,) rank that a candidate has now: K that stay, then extensions, ...
    values: Tensor  # (T', B, P) float64, ... each with the unit of this log-probability ...
    units: Tensor  # (T', B, P) ... and this id

    @classmethod
    def prepare(
        cls, log_probs: Tensor, order: Tensor, beam_size: int, blank: int, num_units: int | None
    ) -> "Frames":
        """Choose the extensions to try in each frame.

        With `num_units`, these are the likeliest units after every prefix. Without it, the search
        is exact over all units and tries only those extensions that can enter the beam.

        Consider the m-th likeliest unit after the k-th best prefix (both counted from 0). The
        likelier units after that prefix, and the first m+1 units after every better prefix, give
        extensions that are at least as good. One unit per prefix is excluded: its last unit, whose
        repetition scores lower than its rank suggests. This leaves (k+1) m - 1 different prefixes,
        whether or not they are in the beam already. If these are `beam_size` or more, the extension
        need not be tried.

        Args:
            log_probs: (N, T', V) log-probabilities of all utterances.
            order: (B,) indices of the utterances to search, in the order of the beam.
            beam_size: K.
            blank: Id of the blank.
            num_units: Number of units in each frame that may extend a prefix. None for all, which
                is correct only if CTC alone scores the prefixes.
        """
        device = log_probs.device
        _, num_frames, vocab_size = log_probs.shape
        num_top = min(num_units or beam_size + 1, vocab_size - 1)
        pairs = [
            (rank, place)
            for rank in range(beam_size)
            for place in range(num_top)
            if num_units is not None or (rank + 1) * place <= beam_size
        ]
        ranks, places = torch.tensor(pairs, device=device).unbind(1)
        # One unit more than needed, because the blank may be among them; it is sorted to the end.
        values, units = log_probs.topk(num_top + 1, dim=-1)  # (N, T', M)
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
class Beam:
    """The K prefixes of every utterance, best first; a score of -inf is an empty (dead) slot."""

    log_total: Tensor  # (B, K) float64, log (p_b + p_n)
    log_blank: Tensor  # (B, K) float64, log p_b
    log_unit: Tensor  # (B, K) float64, log p_n
    # (B, K, 3) int64: node of the prefix, node of its parent (the prefix without its last unit;
    # NO_NODE for the empty prefix and for dead slots), last unit. In one table, one operation moves
    # all three.
    relations: Tensor
    fusion_score: Tensor  # (B, K) float64, 0 without a fusion
    fusion_state: Tensor  # (B, K, S) int64

    @classmethod
    def initial(
        cls, num_utts: int, beam_size: int, device: torch.device, fusion: Fusion | None
    ) -> "Beam":
        """Return the initial beam, which holds the empty prefix."""
        relations = torch.zeros(num_utts, beam_size, 3, dtype=torch.int64, device=device)
        relations[..., :2] = NO_NODE
        relations[:, 0, 0] = EMPTY_NODE
        log_total = torch.full((num_utts, beam_size), NEG_INF, dtype=torch.float64, device=device)
        log_unit = log_total.clone()
        log_total[:, 0] = 0.0  # slot 0 is the empty prefix, the others are dead
        state = relations.new_zeros(0) if fusion is None else fusion.start().to(device)
        return cls(
            log_total=log_total,
            log_blank=log_total,
            log_unit=log_unit,
            relations=relations,
            fusion_score=torch.zeros_like(log_total),
            fusion_state=state.expand(num_utts, beam_size, -1),
        )

    def parts(self) -> list[Tensor]:
        """Return all tensors; their first dimension is the utterance."""
        return [getattr(self, field.name) for field in fields(self)]

    def select(self, utts: Tensor | slice) -> "Beam":
        """Return the beam of the utterances that an index or a slice selects."""
        return Beam(*(part[utts] for part in self.parts()))

    def replace(self, utts: Tensor, beam: "Beam") -> "Beam":
        """Return the beam in which `beam` replaces the prefixes of the utterances `utts` (B',)."""
        pairs = zip(self.parts(), beam.parts())
        return Beam(*(part.index_copy(0, utts, new) for part, new in pairs))

    def keep(self, utt: int, slots: list[int]) -> "Beam":
        """Return the beam with only the prefixes in `slots` (ascending) of one utterance."""
        num_slots = self.log_total.size(1)
        dropped = [slot for slot in range(num_slots) if slot not in slots]
        moved = torch.tensor([*slots, *dropped], device=self.log_total.device)
        one = Beam(*(part[utt, moved][None] for part in self.parts()))
        for log_prob in (one.log_total, one.log_blank, one.log_unit):
            log_prob[:, len(slots) :] = NEG_INF
        one.relations[:, len(slots) :, :2] = NO_NODE
        return self.replace(torch.tensor([utt], device=moved.device), one)

    @classmethod
    def join(cls, beams: list["Beam"]) -> "Beam":
        """Concatenate the utterances of several beams."""
        if len(beams) == 1:
            return beams[0]
        return cls(*(torch.cat(parts) for parts in zip(*(beam.parts() for beam in beams))))


def extend(beam: Beam, frames: Frames, time: int, fusion: Fusion | None) -> tuple[Beam, Tensor]:
    """Advance the utterances that are in the beam by one frame.

    Args:
        beam: The prefixes before the frame.
        frames: All frames; with a fusion, `prepare` must have been given `num_units`.
        time: Index of the frame.
        fusion: The additional scorer of prefixes, or None.

    Returns:
        The next beam, and (B, K) the index of each of its prefixes among the K + P candidates.
    """
    num_utts, num_slots = beam.log_total.shape
    node, parent, last = beam.relations.unbind(2)  # (B, K) each

    # A prefix stays through a blank, through a repetition of its last unit, or because its parent
    # grows into it. no_child[b, i, j] is True unless prefix j is prefix i with one more unit.
    no_child = node[:, :, None] != parent[:, None, :]  # (B, K, K)
    repeats = last[:, :, None] == last[:, None, :]
    growth = torch.where(repeats, beam.log_blank[:, :, None], beam.log_total[:, :, None])
    inflow = growth.masked_fill_(no_child, NEG_INF).amax(dim=1)  # at most one is not -inf
    last_value = frames.log_probs.take(frames.starts[time, :num_utts] + last)
    stay_blank = beam.log_total + frames.blank[time, :num_utts]
    stay_unit = torch.logaddexp(beam.log_unit, inflow) + last_value

    # Prefixes that grow, except those that are in the beam already.
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
    fusion_score, fusion_state = beam.fusion_score, beam.fusion_state
    if fusion is None:
        log_total, winners = totals.topk(num_slots, dim=1)
    else:
        top_units = units[:, : units.size(1) // num_slots]  # the same for every prefix
        gains, states = fusion.extend(fusion_state, top_units)
        grown_scores = (fusion_score[..., None] + gains).flatten(1)
        scores = torch.cat([fusion_score, grown_scores], dim=1)
        states = torch.cat([fusion_state, states.flatten(1, 2)], dim=1)
        winners = (totals + scores).topk(num_slots, dim=1).indices
        log_total, fusion_score = totals.gather(1, winners), scores.gather(1, winners)
        fusion_state = states.gather(1, winners[..., None].expand(-1, -1, states.size(2)))
    grown = torch.stack([children, grown_from[..., 0], units], dim=2)
    relations = torch.cat([beam.relations, grown], dim=1)
    relations = relations.gather(1, winners[..., None].expand(-1, -1, 3))
    # If there are fewer than K live candidates, a dead slot may have the node of a live prefix. It
    # must lose node and parent, or the next frame would take the two for the same prefix.
    relations[..., :2].masked_fill_((log_total == NEG_INF)[..., None], NO_NODE)
    ends_in_blank = torch.cat([stay_blank, torch.full_like(grow, NEG_INF)], dim=1)
    ends_in_unit = torch.cat([stay_unit, grow], dim=1)
    beam = Beam(
        log_total=log_total,
        log_blank=ends_in_blank.gather(1, winners),
        log_unit=ends_in_unit.gather(1, winners),
        relations=relations,
        fusion_score=fusion_score,
        fusion_state=fusion_state,
    )
    return beam, winners


def _child_node(node: Tensor, unit: Tensor) -> Tensor:
    """Return the node of a prefix extended by `unit`, a 64-bit hash that identifies its units.

    The multiplication spreads differences to higher bits and the shift back to lower bits. Two
    sequences share a node about once in 2^64 / V pairs. An hour of speech compares at most 10^8.
    """
    child = (node + unit).mul_(HASH_MULTIPLIER)  # integer overflow is intended
    return child ^ (child >> 32)
