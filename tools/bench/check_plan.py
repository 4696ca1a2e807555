"""Compare the memory that `moeasr plan` predicts with that of training steps on the CPU.

Each config takes three steps in a process of its own, with the largest batch of the plan. Weights,
gradients and the state of the optimizer are the sizes of their tensors. Activations are the tensors
that the forward pass of the whole batch keeps. Two peaks are compared with the sum of the plan:

- `tensors`: the largest size of all tensors at one time during the third step, temporary ones
  included. The profiler of PyTorch records each allocation.
- `peak`: the largest resident memory of the process during the second step, minus the memory before
  the model was built. It includes what oneDNN keeps for each new shape of a bfloat16 product. With
  experts there are many shapes, because each expert gets another number of frames.

    python tools/bench/check_plan.py --config egs/an4/conf/dense.yaml egs/an4/conf/u2pp_moe.yaml
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.profiler import ProfilerActivity, profile

from moeasr.experiment.config import ExperimentConfig, load_experiment
from moeasr.experiment.training_plan import Workload, plan_training
from moeasr.models.activations import BatchShape, inputs_of, measure_activations
from moeasr.models.build import build_model
from moeasr.train.optim import build_optimizer
from moeasr.train.parallel import parallelise

VOCAB_SIZE = 500
RETURNED_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Settings of malloc, so that memory that is free is no longer resident."""


def main() -> None:
    """Plan and measure each config."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", nargs="+", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--measure", action="store_true", help="measure one config as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.measure:
        print(json.dumps(measure(load_experiment(args.config[0], args.set))))
        return
    print(f"{'MB':45s} {'planned':>9s} {'measured':>9s} {'planned / measured':>19s}")
    for config in args.config:
        options = [part for item in args.set for part in ("--set", item)]
        found = subprocess.run(
            [sys.executable, __file__, "--measure", "--config", config, *options],
            env={**os.environ, **RETURNED_AT_ONCE},
            stdout=subprocess.PIPE,
            check=True,
        )
        measured = json.loads(found.stdout)
        planned = planned_memory(load_experiment(config, args.set))
        for name, value in measured.items():
            label, ratio = f"{config} {name}", planned[name] / value
            print(f"{label:45s} {planned[name] / 1e6:9.1f} {value / 1e6:9.1f} {ratio:19.3f}")


def planned_memory(config: ExperimentConfig) -> dict[str, float]:
    """Return the memory that the plan says, bytes."""
    memory = dict(plan(config)["memory_per_gpu"]["replicate"])
    memory["tensors"] = memory["peak"] = memory.pop("sum")
    return memory


def plan(config: ExperimentConfig) -> dict:
    """Return the plan for one process."""
    return plan_training(config, Workload(num_gpus=1, hours=1, vocab_size=VOCAB_SIZE))


def measure(config: ExperimentConfig) -> dict[str, float]:
    """Take three training steps and return their memory, bytes."""
    batch = plan(config)["batch"]
    batch.pop("kind")
    shape = BatchShape(**batch)
    lower = config.train.precision == "bf16"
    before = status("VmRSS")
    model = build_model(config.model, 80, VOCAB_SIZE).train()
    parallelise(model, config.train, torch.device("cpu"))
    optimizer = build_optimizer(model, config.train.optim)
    inputs = inputs_of(model, shape)
    inputs[0].normal_()

    def step() -> int:
        """Take a step and return the size of the gradients."""
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            loss = model(*inputs).loss
        loss.backward()
        optimizer.step()
        num_bytes = size_of(p.grad for p in model.parameters() if p.grad is not None)
        optimizer.zero_grad(set_to_none=True)
        return num_bytes

    step()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    gradients = step()
    peak = status("VmHWM")
    weights = size_of(model.parameters())
    states = size_of(value for state in optimizer.state.values() for value in state.values())
    found = {"weights": weights, "gradients": gradients, "optimizer": states}
    if config.train.recompute == "none":  # otherwise no hook sees what blocks keep
        found["activations"] = measure_activations(model, shape, lower=lower).total
    found["tensors"] = weights + states + largest_growth(step)
    return {**found, "peak": peak - before}


def largest_growth(step: Callable[[], object]) -> int:
    """Run a step, and return the largest size of all tensors minus that at its start, bytes."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as record:
        step()
    with TemporaryDirectory() as directory:
        path = Path(directory) / "trace.json"
        record.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    changes = [(e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]"]
    return max(accumulate(change for _, change in sorted(changes, key=lambda item: item[0])))


def size_of(tensors) -> int:
    """Return the bytes of tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def status(name: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024


if __name__ == "__main__":
    main()
