"""Benchmark of configs: its workload and its table. `moeasr.report.timing` measures the times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.limits import MIN_VOCAB_SIZE
from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model, count_params
from moeasr.models.config import ModelConfig
from moeasr.models.cost import model_cost
from moeasr.models.inference import optimize_for_inference
from moeasr.models.part_cost import DECODER_PARTS, PARTS, sum_of
from moeasr.nn.packed_linear import PRECISIONS
from moeasr.report.cost_table import aligned
from moeasr.report.timing import (
    MachineLimit,
    full_pass,
    measure_machine,
    release_memory,
    streaming_pass,
    time_candidates,
    training_step,
    working_memory_bytes,
)
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer

FRAMES_PER_SEC = 100
NUM_MEL_BINS = 80
TOKENS_PER_SEC = 4
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
ENCODING_PARTS = tuple(part for part in PARTS if part not in DECODER_PARTS)


class Subject(NamedTuple):
    """The sections of an experiment's config that a benchmark needs."""

    model: ModelConfig
    """The network."""
    optim: OptimConfig
    """The optimizer of the training steps."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The work that a benchmark measures."""

    precisions: tuple[str, ...] = ("fp32", "bf16", "int8")
    """Precisions of recognition; training runs in fp32 and in bf16."""
    utterance_sec: float = 10.0
    """Length of an utterance."""
    chunk_size: int = 16
    """Number of encoder frames per chunk of a stream."""
    num_left_chunks: int = 4
    """Number of left chunks that a frame of a stream attends to."""
    vocab_size: int = 1000
    """Number of units."""
    train_utts: int = 4
    """Number of utterances of a training step; 0 leaves training out."""
    num_rounds: int = 7
    """Number of rounds in which all candidates run."""

    def __post_init__(self) -> None:
        """Check ranges."""
        unknown = [name for name in self.precisions if name not in PRECISIONS]
        if unknown or not self.precisions:
            raise InputError(
                f"--precisions must be one or more of {', '.join(PRECISIONS)}, but is "
                f"'{' '.join(self.precisions)}'"
            )
        if not 0.2 <= self.utterance_sec <= 3600:
            raise InputError(
                f"--utterance-sec must be between 0.2 and 3600, but is {self.utterance_sec}"
            )
        for name in ("chunk_size", "num_left_chunks", "vocab_size", "train_utts", "num_rounds"):
            leasts = {"num_left_chunks": -1, "train_utts": 0, "vocab_size": MIN_VOCAB_SIZE}
            least = leasts.get(name, 1)
            if getattr(self, name) < least:
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} must be at least {least}, but is {getattr(self, name)}")


def benchmark(configs: Mapping[str, Subject], workload: Workload) -> dict[str, Any]:
    """Measure the times of all configs, each in alternation with a baseline.

    Besides the models of the baselines, only one model is in memory at a time.

    Args:
        configs: The configs by name; usually the first one is the baseline, see Returns.
        workload: The work that is timed.

    Returns:
        `machine` (rates per second), `workload`, and `rows`. A row has the keys `config`, `what`
        (`full`, `stream` or `train`), `precision`, `rtf` or `frames_per_sec`, `speed` (median,
        least and largest ratio to the baseline), `of_limit`, `memory_bytes`, `total_params` and
        `active_params`.
        The baseline is the first config in fp32 or, without fp32, in the first precision. The
        baseline of `stream` is the first config that can be streamed.
    """
    torch.manual_seed(0)
    num_frames = round(workload.utterance_sec * FRAMES_PER_SEC)
    feats = torch.randn(1, num_frames, NUM_MEL_BINS)
    machine = measure_machine()
    rows = _recognition(configs, feats, machine, workload)
    if workload.train_utts:
        rows += _training(configs, feats, workload)
    return {"machine": machine._asdict(), "workload": asdict(workload), "rows": rows}


class _Candidate(NamedTuple):
    """One piece of work that is timed."""

    name: str
    """A name that tells it from other work."""
    work: Callable[[], object]
    """The function that does the work."""


def _recognition(
    configs: Mapping[str, Subject], feats: Tensor, machine: MachineLimit, workload: Workload
) -> list[dict[str, Any]]:
    """Return the table rows of recognition: encoder passes with full context and in a stream."""
    baselines: dict[str, _Candidate] = {}
    precisions = workload.precisions
    first = "fp32" if "fp32" in precisions else precisions[0]
    rows = []
    for name, config in configs.items():
        of_config = {
            precision: _recognition_rows(
                name, config, precision, feats, machine, workload, baselines
            )
            for precision in sorted(precisions, key=lambda precision: precision != first)
        }
        rows += [row for precision in precisions for row in of_config[precision]]
    return rows


def _recognition_rows(
    name: str,
    config: Subject,
    precision: str,
    feats: Tensor,
    machine: MachineLimit,
    workload: Workload,
    baselines: dict[str, _Candidate],
) -> list[dict[str, Any]]:
    """Return the rows of one config in one precision, and add the baselines that are missing."""
    model = _build(config, workload)
    costs = model_cost(model, workload.utterance_sec, TOKENS_PER_SEC, FRAMES_PER_SEC)
    encoding = sum_of(costs, "encoding", ENCODING_PARTS)
    params = count_params(model)
    model = optimize_for_inference(model.eval(), precision)
    works = {"full": full_pass(model, feats)}
    if not model.encoder.sees_future:
        sizes = (workload.chunk_size, workload.num_left_chunks)
        works["stream"] = streaming_pass(model, feats, *sizes)
    rows = []
    for what, work in works.items():
        reads = 1.0
        if what == "stream":
            chunk_sec = workload.chunk_size * model.subsampling_rate / FRAMES_PER_SEC
            reads = workload.utterance_sec / chunk_sec
        flops = machine.fp32_flops if precision == "fp32" else machine.bf16_flops
        floor_sec = max(
            2 * encoding.macs_per_sec * workload.utterance_sec / flops,
            reads * encoding.total_params * BYTES[precision] / machine.bytes_per_sec,
        )
        candidate = _Candidate(f"{name} {what} {precision}", work)
        baseline = baselines.setdefault(what, candidate)
        took_sec, speed = _measure(candidate, baseline, workload.num_rounds)
        rows.append(
            {
                "config": name,
                "what": what,
                "precision": precision,
                "rtf": took_sec / workload.utterance_sec,
                "speed": speed,
                "of_limit": floor_sec / took_sec,
                "memory_bytes": working_memory_bytes(work),
                "total_params": params.total,
                "active_params": params.active,
            }
        )
    return rows


def _training(
    configs: Mapping[str, Subject], feats: Tensor, workload: Workload
) -> list[dict[str, Any]]:
    """Return the table rows of training steps."""
    num_utts, num_tokens = workload.train_utts, round(workload.utterance_sec * TOKENS_PER_SEC)
    batch = (
        feats.expand(num_utts, -1, -1).contiguous(),
        torch.full((num_utts,), feats.size(1)),
        torch.randint(3, workload.vocab_size, (num_utts, num_tokens)),
        torch.full((num_utts,), num_tokens),
    )
    baselines: dict[str, _Candidate] = {}
    rows = []
    for name, config in configs.items():
        rows += _training_rows(name, config, batch, workload, baselines)
    return rows


def _training_rows(
    name: str,
    config: Subject,
    batch: Sequence[Tensor],
    workload: Workload,
    baselines: dict[str, _Candidate],
) -> list[dict[str, Any]]:
    """Return the rows of one config, and add the baseline if it is missing."""
    model = _build(config, workload)
    optimizer = build_optimizer(model, config.optim)
    params = count_params(model)
    rows = []
    for precision in ("fp32", "bf16"):
        step = training_step(model, optimizer, batch, precision == "bf16")
        candidate = _Candidate(f"{name} {precision}", step)
        baseline = baselines.setdefault("train", candidate)
        took_sec, speed = _measure(candidate, baseline, workload.num_rounds)
        rows.append(
            {
                "config": name,
                "what": "train",
                "precision": precision,
                "frames_per_sec": batch[0].size(0) * batch[0].size(1) / took_sec,
                "speed": speed,
                "memory_bytes": working_memory_bytes(step),
                "total_params": params.total,
                "active_params": params.active,
            }
        )
    return rows


def _build(config: Subject, workload: Workload) -> AsrModel:
    """Build an untrained model, with the same weights whenever it is built."""
    release_memory()  # free the memory of the previous model
    torch.manual_seed(0)
    return build_model(config.model, NUM_MEL_BINS, workload.vocab_size)


def _measure(
    candidate: _Candidate, baseline: _Candidate, num_rounds: int
) -> tuple[float, dict[str, float]]:
    """Return the median seconds of a candidate, and its speed relative to the baseline."""
    works = dict([baseline, candidate])
    timings = time_candidates(works, num_rounds)
    speed = timings.ratio(candidate.name, baseline.name)
    return timings.median_sec(candidate.name), speed._asdict()


def benchmark_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the rates of the machine and the table of a benchmark, as lines."""
    machine = result["machine"]
    lines = [
        f"machine: fp32 {machine['fp32_flops'] / 1e9:.0f} GFLOP/s, "
        f"bf16 {machine['bf16_flops'] / 1e9:.0f} GFLOP/s, "
        f"memory {machine['bytes_per_sec'] / 1e9:.1f} GB/s",
        "",
    ]
    header = ("config", "what", "bits", "RTF or frames/s", "speed [least, largest]", "of limit")
    table = [(*header, "MiB", "params M")]
    for row in result["rows"]:
        speed = row["speed"]
        rate = f"{row['rtf']:.4f}" if "rtf" in row else f"{row['frames_per_sec']:.0f}"
        limit = f"{row['of_limit']:.2f}" if "of_limit" in row else ""
        spread = f"{speed['median']:.2f} [{speed['least']:.2f}, {speed['largest']:.2f}]"
        table.append(
            (
                *(row["config"], row["what"], row["precision"], rate, spread, limit),
                f"{row['memory_bytes'] / 2**20:.0f}",
                f"{row['total_params'] / 1e6:.1f}",
            )
        )
    return lines + aligned(table)
