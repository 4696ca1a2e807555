"""The growth of the prefixes of a beam during a chunk, traced back through its frames."""

from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from moeasr.decode.ctc.beam_step import NEG_INF, Frames
from moeasr.decode.ctc.prefix_history import Run


def trace_back(
    winners: list[Tensor],
    lasts: list[Tensor],
    frames: Frames,
    lens: Tensor,
    first_frames: list[int] | None,
) -> list[list[Run]]:
    """Trace each slot of the last beams back to the first frame, and return B times K runs.

    Args:
        winners: For each frame, (open, K) indices of the slots among the candidates of the streams
            that have this frame (see `moeasr.decode.ctc.beam_step.extend`).
        lasts: For each frame, (open, K) last units of the slots.
        frames: The frames of the chunk.
        lens: (B,) number of frames of each stream, in descending order.
        first_frames: B indices of the chunk's first frame; None if frames are not requested.
    """
    num_streams, num_slots = winners[0].shape
    chosen = pad_sequence(winners, batch_first=True)  # (C, B, K)
    origins = frames.ranks[chosen]
    visited = torch.empty_like(chosen)  # slots on the paths
    slots = torch.arange(num_slots, device=chosen.device).repeat(num_streams, 1)
    for time in reversed(range(chosen.size(0))):
        visited[time] = slots
        num_open = winners[time].size(0)
        slots[:num_open] = origins[time, :num_open].gather(1, slots[:num_open])
    is_real = (torch.arange(chosen.size(0), device=lens.device)[:, None] < lens)[..., None]
    is_new = (chosen.gather(2, visited) >= num_slots) & is_real
    units = pad_sequence(lasts, batch_first=True).gather(
        2, visited
    )  # last units of the slots on the paths

    # One row for each path; a segment runs from one new unit to the next.
    is_new_row, unit_rows = _rows(is_new), _rows(units)
    counts = is_new_row.sum(dim=1)
    found_frames, found_peaks = [], []
    if first_frames is not None:
        values = frames.log_probs.take(frames.starts[: chosen.size(0)] + units).double()
        segments = is_new_row.cumsum(dim=1)  # (B * K, C), from 0
        firsts, mosts = _peaks(_rows(values.masked_fill(~is_real, NEG_INF)), segments)
        firsts += torch.tensor(first_frames, device=lens.device).repeat_interleave(num_slots)[
            :, None
        ]
        is_used = torch.arange(firsts.size(1), device=lens.device) <= counts[:, None]
        found_frames, found_peaks = firsts[is_used].tolist(), mosts[is_used].tolist()
    tokens, counts = unit_rows[is_new_row].tolist(), counts.tolist()
    runs = []
    ends = accumulate(counts)
    for row, (origin, count, end) in enumerate(zip(slots.flatten().tolist(), counts, ends)):
        own = slice(end - count + row, end + row + 1)  # one more than units
        runs.append(Run(origin, tokens[end - count : end], found_frames[own], found_peaks[own]))
    return [runs[row : row + num_slots] for row in range(0, len(runs), num_slots)]


def _rows(table: Tensor) -> Tensor:
    """Rearrange values (C, B, K) of C frames to rows (B * K, C), one per slot of a beam."""
    return table.permute(1, 2, 0).flatten(0, 1)


def _peaks(values: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """Return position and value of the maximum of each segment in each row.

    Args:
        values: (N, C) values.
        segments: (N, C) index of the segment that each value belongs to, from 0 to C.

    Returns:
        (N, C + 1) index of the first maximum of each segment, and (N, C + 1) the maximum.
    """
    num_frames = values.size(1)
    most = torch.full_like(pad(values, (0, 1)), NEG_INF)
    most = most.scatter_reduce(1, segments, values, "amax")
    times = torch.arange(num_frames, device=values.device).expand_as(segments)
    times = times.masked_fill(values < most.gather(1, segments), num_frames)
    first = torch.full_like(most, num_frames, dtype=torch.int64)
    return first.scatter_reduce(1, segments, times, "amin"), most
