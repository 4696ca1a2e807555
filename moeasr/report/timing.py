"""Timing of models: ratios of alternating runs, and the highest rates that this machine reaches.

Other programs disturb single measurements. Therefore all candidates run in every round, in order
and in reverse order (A B C C B A). The result is the ratio of two candidates in the same round: its
median, least and largest value over all rounds.
"""

import ctypes
import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.models.asr import AsrModel
from moeasr.models.streaming_encoder import StreamingEncoder
from moeasr.nn.packed_linear import PackedLinear

CLEAR_REFS = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
GEMM_SHAPES = ((256, 1024, 1024), (1024, 1024, 1024), (1024, 512, 2048))  # rows, inputs, outputs
COPY_BYTES = 256 * 2**20


class Ratio(NamedTuple):
    """The speed of a candidate divided by that of the baseline in the same round."""

    median: float
    """Median over rounds."""
    least: float
    """Smallest ratio of a round."""
    largest: float
    """Largest ratio of a round."""


class Timings(NamedTuple):
    """The measured times of all candidates of a comparison."""

    seconds: dict[str, list[float]]
    """Seconds of each candidate by its name, one number per round."""

    def median_sec(self, name: str) -> float:
        """Return the median time of a candidate over all rounds."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, baseline: str) -> Ratio:
        """Return the speed of candidate `name` relative to the baseline: 2 is twice as fast."""
        ratios = [b / a for a, b in zip(self.seconds[name], self.seconds[baseline])]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))


class MachineLimit(NamedTuple):
    """The highest rates of this machine, with the current number of threads."""

    fp32_flops: float
    """Floating-point operations per second of the fastest matrix product in float32."""
    bf16_flops: float
    """Floating-point operations per second of the fastest matrix product in bfloat16."""
    bytes_per_sec: float
    """Bytes per second that are read from memory."""


def time_candidates(
    candidates: Mapping[str, Callable[[], object]],
    num_rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Measure all candidates in each round, in order and in reverse order.

    The time of a candidate in a round is the smaller of its two times.

    Every candidate runs once before the clock starts.

    Args:
        candidates: The functions to run, by name.
        num_rounds: Number of rounds, at least 1.
        clock: Function that returns seconds that never decrease.
    """
    for work in candidates.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(num_rounds):
        best: dict[str, float] = {}
        for name in [*candidates, *reversed(candidates)]:
            start_sec = clock()
            candidates[name]()
            took_sec = clock() - start_sec
            best[name] = min(best.get(name, took_sec), took_sec)
        for name, took_sec in best.items():
            seconds[name].append(took_sec)
    return Timings(seconds)


def _any_language(model: AsrModel, num_utts: int) -> Tensor | None:
    """Return the first language for each utterance, because all cost the same; None without any."""
    return torch.zeros(num_utts, dtype=torch.int64) if model.languages else None


def full_pass(model: AsrModel, feats: Tensor) -> Callable[[], object]:
    """Return a function that runs the encoder and the CTC head on whole (1, T, F) features."""
    lens, languages = torch.tensor([feats.size(1)]), _any_language(model, 1)

    @torch.inference_mode()
    def work() -> Tensor:
        return model.ctc_log_probs(model.encode(feats, lens, languages=languages).enc)

    return work


def streaming_pass(
    model: AsrModel, feats: Tensor, chunk_size: int, num_left_chunks: int
) -> Callable[[], object]:
    """Return a function that runs the encoder and the CTC head chunk by chunk, as in a stream."""
    streaming = StreamingEncoder(model, chunk_size, num_left_chunks)
    languages = _any_language(model, 1)

    @torch.inference_mode()
    def work() -> list[Tensor]:
        state, found = streaming.start(), []
        # fewer than `min_frames` frames at the end would give no output
        num_starts = max(feats.size(1) - model.encoder.min_frames + 1, 1)
        for first in range(0, num_starts, streaming.hop_frames):
            window = feats[:, first : first + streaming.window_frames]
            lens = torch.tensor([window.size(1)])
            output, state = streaming.step(window, lens, state, languages)
            found.append(model.ctc_log_probs(output.enc))
        return found

    return work


def training_step(
    model: AsrModel, optimizer: torch.optim.Optimizer, batch: Sequence[Tensor], in_bf16: bool
) -> Callable[[], object]:
    """Return a function that performs a training step: loss, gradients, clipping and update.

    Args:
        model: The model.
        optimizer: The optimizer of the model.
        batch: feats, feats_lens, tokens and tokens_lens.
        in_bf16: True if matrix products run in bfloat16.
    """
    model.train()
    languages = _any_language(model, len(batch[0]))

    def work() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            loss = model(*batch, languages).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return work


@torch.inference_mode()
def measure_machine(num_rounds: int = 5) -> MachineLimit:
    """Measure the rates of this machine: of its fastest matrix product, and of reading memory."""
    rates = {torch.float32: 0.0, torch.bfloat16: 0.0}
    for rows, inputs, outputs in GEMM_SHAPES:
        x, weight = torch.randn(rows, inputs), torch.randn(outputs, inputs)
        products = {
            "packed": functools.partial(PackedLinear(weight, None, "fp32"), x),
            "plain": functools.partial(F.linear, x, weight),
            "bf16": functools.partial(F.linear, x.bfloat16(), weight.bfloat16()),
        }
        timings = time_candidates(products, num_rounds)
        for name, seconds in timings.seconds.items():
            dtype = torch.bfloat16 if name == "bf16" else torch.float32
            rates[dtype] = max(rates[dtype], 2 * rows * inputs * outputs / min(seconds))
    memory = torch.ones(COPY_BYTES // 4)
    timings = time_candidates({"sum": memory.sum}, num_rounds)
    bytes_per_sec = COPY_BYTES / min(timings.seconds["sum"])
    return MachineLimit(rates[torch.float32], rates[torch.bfloat16], bytes_per_sec)


def working_memory_bytes(work: Callable[[], object]) -> int:
    """Return the largest growth of the resident memory of this process while `work` runs.

    Raises:
        OSError: The system has no /proc, so it is not Linux.
        AttributeError: The C library of the system is not glibc.
    """
    release_memory()  # reused pages of earlier work would hide the growth
    before = _resident_bytes("VmRSS")
    CLEAR_REFS.write_text("5")  # resets the peak
    work()
    return max(_resident_bytes("VmHWM") - before, 0)


def release_memory() -> None:
    """Return the memory of freed tensors to the system.

    Raises:
        AttributeError: The C library of the system is not glibc.
    """
    ctypes.CDLL(None).malloc_trim(0)


def _resident_bytes(kind: str) -> int:
    lines = STATUS.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1]) * 1024
