"""The plan of a training on many GPUs: memory, communication, steps, time and disk space.

Weights, gradients and the state of the optimizer are counted. Activations are measured by forward
passes of one and of two utterances on the CPU, see `moeasr.models.activations`. With bfloat16, they
include the rounded copy of each weight, which autocast keeps for the backward pass.

Not included are temporary tensors of the backward pass, the context and the work space of CUDA,
fragmentation, and the teacher of a distillation. On a CPU, oneDNN keeps further memory for each new
shape of a bfloat16 product. It belongs to the kernels for CPUs and is not included either.
`tools/bench/check_plan.py` measures the tensors and the whole process.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig
from moeasr.models.activations import (
    BatchShape,
    plan_activations,
    use_most_experts,
    without_memory,
)
from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model
from moeasr.models.cost import model_cost
from moeasr.models.part_cost import sum_of
from moeasr.models.shapes_only import shapes_only
from moeasr.train.blocks import find_blocks, find_units
from moeasr.train.freezing import frozen_parameters

FLOAT_BYTES = 4

FLOPS_PER_MAC = 6
"""Operations per multiply-add of the forward pass: two, and twice as many in the backward pass."""

RECOMPUTING_FLOPS_PER_MAC = 8
"""Operations per multiply-add if the backward pass repeats the forward pass of the blocks."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The corpus and the machines of a training."""

    num_gpus: int
    """Number of GPUs, each with one process."""
    hours: float
    """Audio of an epoch, hours."""
    utterance_sec: float = 10.0
    """Mean length of the utterances, seconds."""
    tokens_per_sec: float = 12.0
    """Number of tokens per second of audio."""
    vocab_size: int = 5000
    """Number of output units of the model."""
    num_mel_bins: int = 80
    """Number of mel bins of the features."""
    frames_per_sec: float = 100.0
    """Number of feature frames per second of audio."""
    throughput: float | None = None
    """Seconds of audio on which a GPU trains per second; None if it is not known."""
    tflops: float | None = None
    """Sustained speed of a GPU, 10^12 operations per second, from which the throughput follows."""


@dataclass(frozen=True)
class ModelSizes:
    """The sizes of a model, in numbers of parameters.

    Attributes:
        total: All parameters; a shared one counts once.
        trained: The parameters that have gradients.
        state: The parameters and buffers of a checkpoint.
        units: The parameters of each unit without those of earlier units. A training with `shard`
            gathers one unit after another, see `moeasr.train.blocks.find_units`.
    """

    total: int
    trained: int
    state: int
    units: tuple[int, ...]

    @property
    def root(self) -> int:
        """The parameters outside of the units, which stay gathered during a step."""
        return self.total - sum(self.units)


def plan_training(config: ExperimentConfig, workload: Workload) -> dict[str, Any]:
    """Return the plan as plain values for JSON; sizes are in bytes, times in hours.

    Raises:
        InputError: The utterances are too short or too long for the config.
    """
    with shapes_only():
        model = build_model(config.model, workload.num_mel_bins, workload.vocab_size)
    lengths = (workload.utterance_sec, workload.tokens_per_sec, workload.frames_per_sec)
    macs_per_sec = sum_of(model_cost(model, *lengths), "all").macs_per_sec
    if config.adapter is not None:
        config.adapter.attach(model)
    for parameter in frozen_parameters(model, config.train.freeze, config.train.max_epochs):
        parameter.requires_grad_(False)
    sizes = measure_sizes(model, find_units(model))
    shapes = batch_shapes(config, workload, model)
    model = without_memory(model).train()
    use_most_experts(model)
    kept = {name: _activations(model, config, shape) for name, shape in shapes.items()}
    largest = max(kept, key=lambda name: kept[name])
    memory = {"replicate": _replicated(sizes, config, kept[largest], workload.num_gpus)}
    copied, gathered = {}, {}
    if workload.num_gpus > 1:
        memory["shard"] = _sharded(sizes, config, kept[largest], workload.num_gpus)
        copied["shard"] = _copied(sizes, config, workload.num_gpus)
        gathered["shard"] = FLOAT_BYTES * sizes.state  # `epoch_N.pt`, which process 0 writes
    return {
        "parameters": sizes.total,
        "precision": config.train.precision,
        "recompute": config.train.recompute,
        "batch": {"kind": largest, **shapes[largest]._asdict()},
        "memory_per_gpu": memory,
        "copy_in_host_memory_per_gpu": copied,
        "whole_model_in_host_memory_of_process_0": gathered,
        "sent_per_gpu_and_step": _traffic(sizes, config, workload.num_gpus),
        **_steps(config, workload, shapes["average"].num_utts),
        **_time(config, workload, macs_per_sec),
        "files": _files(sizes, config),
        "workload": asdict(workload),
    }


def measure_sizes(model: nn.Module, units: Sequence[nn.Module]) -> ModelSizes:
    """Return the sizes of a model on any device, with the parameters of its units."""
    parameters = list(model.parameters())
    tensors = dict.fromkeys(model.state_dict(keep_vars=True).values())
    seen: set[nn.Parameter] = set()
    by_unit = []
    for unit in units:
        new = set(unit.parameters()) - seen
        seen |= new
        by_unit.append(sum(parameter.numel() for parameter in new))
    return ModelSizes(
        sum(parameter.numel() for parameter in parameters),
        sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        sum(tensor.numel() for tensor in tensors),
        tuple(by_unit),
    )


def batch_shapes(
    config: ExperimentConfig, workload: Workload, model: AsrModel
) -> dict[str, BatchShape]:
    """Return the batches of the longest utterances that are allowed, and of average ones.

    Raises:
        InputError: An average utterance is longer than `data.limits.max_frames`, or the longest
            one is too short for the encoder.
    """
    longest = config.data.limits.max_frames
    average = round(workload.utterance_sec * workload.frames_per_sec)
    if average > longest:
        raise InputError(
            f"an utterance of {workload.utterance_sec:g} s is longer than `data.limits.max_frames` "
            f"({longest} frames); choose a shorter --utterance-sec, or --set a higher limit"
        )
    if model.output_len(longest) < 1:
        raise InputError(f"`data.limits.max_frames` ({longest}) is too short for the encoder")
    num_views = 2 if config.model.consistency_weight > 0 else 1
    limits, shapes = config.data.batch, {}
    for name, num_frames in (("longest", longest), ("average", average)):
        num_utts = min(limits.max_frames // num_frames, limits.max_utts or limits.max_frames)
        num_tokens = round(num_frames / workload.frames_per_sec * workload.tokens_per_sec)
        num_tokens = min(num_tokens, config.data.limits.max_tokens)
        shapes[name] = BatchShape(max(1, num_utts), num_frames, num_tokens, num_views)
    return shapes


def _activations(model: AsrModel, config: ExperimentConfig, shape: BatchShape) -> float:
    """Return the bytes of the activations that a batch keeps."""
    lower = config.train.precision == "bf16"
    kept = plan_activations(model, shape, find_blocks(model), lower)
    return kept.recomputed if config.train.recompute == "blocks" else kept.total


def _replicated(
    sizes: ModelSizes, config: ExperimentConfig, kept: float, num_gpus: int
) -> dict[str, float]:
    """Return the bytes of a process that holds the whole model.

    The gradients are copied to send them, when the activations are no longer needed. The part of
    the copy that is larger than the activations adds to the sum.
    """
    memory = _states(sizes, config, 1)
    memory["activations"] = kept
    copy = FLOAT_BYTES * sizes.trained if num_gpus > 1 else 0
    if copy > kept:
        memory["copy of gradients"] = copy - kept
    return {**memory, "sum": sum(memory.values())}


def _sharded(
    sizes: ModelSizes, config: ExperimentConfig, kept: float, num_gpus: int
) -> dict[str, float]:
    """Return the bytes of a process that holds its part of each parameter.

    Three units are gathered at a time: a block without its feed-forwards, one of these, and the
    next unit, which is fetched ahead. The gradients of one unit and the parameters outside of the
    units are whole as well. With bfloat16, gathered feed-forwards take less. Each process gathers
    the whole model to evaluate the dev set. The part of it that is larger than activations and
    gathered units adds to the sum.
    """
    memory = _states(sizes, config, num_gpus)
    memory["activations"] = kept
    largest = sorted(sizes.units, reverse=True)
    units = FLOAT_BYTES * (sizes.root + sum(largest[:3]) + sum(largest[:1]))
    memory["gathered units"] = units
    whole = FLOAT_BYTES * sizes.total
    if whole > kept + units:
        memory["whole model for dev"] = whole - kept - units
    return {**memory, "sum": sum(memory.values())}


def _copied(sizes: ModelSizes, config: ExperimentConfig, num_gpus: int) -> float:
    """Return the bytes that a process with `shard` copies to host memory to save its state.

    A thread writes the copy while the training goes on, see `moeasr.train.checkpoint_keeper`.
    """
    states = _states(sizes, config, num_gpus)
    return sum(states.values()) - states["gradients"]


def _states(sizes: ModelSizes, config: ExperimentConfig, num_parts: int) -> dict[str, float]:
    """Return the bytes of the tensors that stay between steps, divided among processes."""
    memory: dict[str, float] = {
        "weights": FLOAT_BYTES * sizes.total / num_parts,
        "gradients": FLOAT_BYTES * sizes.trained / num_parts,
        "optimizer": 2 * FLOAT_BYTES * sizes.trained / num_parts,
    }
    if config.train.ema.decay > 0:
        memory["moving average"] = FLOAT_BYTES * sizes.total / num_parts
    return memory


def _traffic(sizes: ModelSizes, config: ExperimentConfig, num_gpus: int) -> dict[str, float]:
    """Return the bytes that a GPU sends in a step, by ring algorithms.

    `replicate` sums the gradients once. `shard` gathers the units twice, for the forward and the
    backward pass of each micro-batch, and the other parameters once, and divides the sum of the
    gradients among the GPUs. With bfloat16, `shard` sends less for the feed-forwards.
    """
    others = (num_gpus - 1) / num_gpus
    gathered = 2 * sum(sizes.units) + sizes.root
    shard = config.train.accum_steps * (gathered + sizes.trained)
    return {
        "replicate": FLOAT_BYTES * others * 2 * sizes.trained,
        "shard": FLOAT_BYTES * others * shard,
    }


def _steps(config: ExperimentConfig, workload: Workload, num_utts: int) -> dict[str, int]:
    """Return the numbers of steps, if all utterances have the average length."""
    per_step = num_utts * workload.num_gpus * config.train.accum_steps
    per_epoch = -(-round(workload.hours * 3600 / workload.utterance_sec) // per_step)
    return {
        "epochs": config.train.max_epochs,
        "steps_per_epoch": per_epoch,
        "steps": per_epoch * config.train.max_epochs,
    }


def _time(
    config: ExperimentConfig, workload: Workload, macs_per_sec: float
) -> dict[str, float | None]:
    """Return the throughput of a GPU, and the hours of an epoch and of the training."""
    throughput = workload.throughput
    if throughput is None and workload.tflops is not None:
        num_views = 2 if config.model.consistency_weight > 0 else 1
        is_recomputed = config.train.recompute == "blocks"
        per_mac = RECOMPUTING_FLOPS_PER_MAC if is_recomputed else FLOPS_PER_MAC
        throughput = workload.tflops * 1e12 / (per_mac * num_views * macs_per_sec)
    epoch = None if throughput is None else workload.hours / (throughput * workload.num_gpus)
    return {
        "macs_per_audio_sec": round(macs_per_sec),
        "throughput": throughput,
        "hours_per_epoch": epoch,
        "hours": None if epoch is None else epoch * config.train.max_epochs,
    }


def _files(sizes: ModelSizes, config: ExperimentConfig) -> dict[str, float]:
    """Return the bytes of the checkpoints of an experiment directory."""
    train, epoch = config.train, FLOAT_BYTES * sizes.state
    average = epoch if train.ema.decay > 0 else 0
    num_kept = min(train.max_epochs, train.keep_best + train.keep_last)
    last = epoch + 2 * FLOAT_BYTES * sizes.trained + average
    files: dict[str, float] = {"epoch_N.pt": epoch, "last.pt": last, "averaged.pt": epoch}
    if average:
        files["ema.pt"] = average
    return {**files, "num_epochs": num_kept, "sum": sum(files.values()) + (num_kept - 1) * epoch}
