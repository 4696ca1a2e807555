"""The plan of a training as text for the terminal."""

from collections.abc import Mapping
from typing import Any

from moeasr.plurals import counted
from moeasr.report.cost_table import aligned


def plan_lines(plan: Mapping[str, Any], gpu_memory_gb: float | None = None) -> list[str]:
    """Return the lines of a plan.

    Args:
        plan: A record of `moeasr.experiment.training_plan.plan_training`.
        gpu_memory_gb: Memory of a GPU, 10^9 bytes, which is compared; None compares nothing.
    """
    work, batch, memory = plan["workload"], plan["batch"], plan["memory_per_gpu"]
    num_utts, num_gpus, kinds = batch["num_utts"], work["num_gpus"], list(memory)
    seconds = batch["num_frames"] / work["frames_per_sec"]
    names = list(dict.fromkeys(name for kind in kinds for name in memory[kind] if name != "sum"))
    rows = [("GB per GPU", *kinds)]
    rows += [(name, *(_gb(memory[kind].get(name)) for kind in kinds)) for name in [*names, "sum"]]
    if gpu_memory_gb is not None:
        fits = (memory[kind]["sum"] <= gpu_memory_gb * 1e9 for kind in kinds)
        rows.append((f"fits in {gpu_memory_gb:g} GB", *("yes" if fit else "no" for fit in fits)))
    copied = plan["copy_in_host_memory_per_gpu"]
    if copied:
        rows.append(("host memory to save", *(_gb(copied.get(kind)) for kind in kinds)))
        gathered = plan["whole_model_in_host_memory_of_process_0"]
        rows.append(("... more in process 0", *(_gb(gathered.get(kind)) for kind in kinds)))
    sent = plan["sent_per_gpu_and_step"]
    rows.append(("sent per step", *(_gb(sent[kind]) for kind in kinds)))
    files = plan["files"]
    epoch, last, total = (files[name] / 1e9 for name in ("epoch_N.pt", "last.pt", "sum"))
    lines = [
        f"{plan['parameters'] / 1e6:,.1f} M parameters, {plan['precision']}, "
        f"{counted(num_gpus, 'GPU')}, {work['hours']:g} h of audio per epoch",
        f"largest batch of a GPU: {counted(num_utts, 'utterance')} of {seconds:g} s "
        f"({batch['kind']} utterances)",
        "",
        *aligned(rows),
        "",
        f"steps: {plan['steps_per_epoch']:,} per epoch, {plan['steps']:,} in "
        f"{counted(plan['epochs'], 'epoch')}",
        _time(plan),
        f"checkpoints: {epoch:.2f} GB per epoch, last.pt {last:.2f} GB, all files at most "
        f"{total:.2f} GB (with {counted(files['num_epochs'], 'epoch')})",
        "Not included: temporary tensors of the backward pass, CUDA's own memory, fragmentation.",
    ]
    if plan["precision"] == "bf16":
        lines.append("A training in bf16 on a CPU needs further memory for products in bfloat16.")
    return lines


def _time(plan: Mapping[str, Any]) -> str:
    if plan["throughput"] is None:
        return "time: unknown; give --throughput or --tflops"
    return (
        f"time: {plan['hours_per_epoch']:,.2f} h per epoch, {plan['hours']:,.1f} h in all, at "
        f"{plan['throughput']:,.0f} s of audio per second and GPU"
    )


def _gb(num_bytes: float | None) -> str:
    return "-" if num_bytes is None else f"{num_bytes / 1e9:.2f}"
