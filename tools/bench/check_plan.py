"""Compare the memory that `moeasr plan` predicts with that of training steps on the CPU.

Each config takes two steps in a process of its own, with the largest batch of the plan. Weights,
gradients and the state of the optimizer are the sizes of their tensors. Activations are the tensors
that the forward pass of the whole batch keeps. The peak is the largest resident memory of the
process during the second step, minus the memory before the model was built.

    python tools/bench/check_plan.py --config egs/an4/conf/dense.yaml egs/an4/conf/u2pp_moe.yaml
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import torch

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
    memory["peak"] = memory.pop("sum")
    return memory


def plan(config: ExperimentConfig) -> dict:
    """Return the plan for one process."""
    return plan_training(config, Workload(num_gpus=1, hours=1, vocab_size=VOCAB_SIZE))


def measure(config: ExperimentConfig) -> dict[str, float]:
    """Take two training steps and return their memory, bytes."""
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
    for _ in range(2):
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            loss = model(*inputs).loss
        loss.backward()
        optimizer.step()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        num_bytes = {"gradients": size_of(gradients)}
        del loss, gradients
        optimizer.zero_grad(set_to_none=True)
    peak = status("VmHWM")
    states = [value for state in optimizer.state.values() for value in state.values()]
    if config.train.recompute == "none":  # otherwise no hook sees what blocks keep
        num_bytes["activations"] = measure_activations(model, shape, lower=lower).total
    return {
        "weights": size_of(model.parameters()),
        **num_bytes,
        "optimizer": size_of(states),
        "peak": peak - before,
    }


def size_of(tensors) -> int:
    """Return the bytes of tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def status(name: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024


if __name__ == "__main__":
    main()
