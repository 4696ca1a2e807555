"""Measure speed, memory and host waits of training on a GPU.

    python3 tools/bench/measure_gpu.py [--wenet D]

The first table has one MoE layer, forward and backward in bfloat16: every kernel of moeasr and,
with --wenet, the loop of WeNet (D is a checkout of it). The second has training steps (loss,
gradients, AdamW) of Conformers on batches of padded random features: the model of egs/an4, and 12
blocks of width 512. Host waits are the moments in which the host stops until the GPU has finished;
PyTorch counts them. Candidates run in alternating rounds in one process. --tiny is for a trial on a
CPU.
"""

import argparse
import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.nn.feed_forward import DenseConfig
from moeasr.nn.valid_frames import all_frames_valid
from moeasr.report.timing import time_candidates
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer

WENET_LAYER = "wenet/models/transformer/positionwise_feed_forward.py"
K = 2
VOCAB = 30


class Machine:
    """The device, with the number of rounds and the sizes of all measurements."""

    def __init__(self, is_tiny: bool, num_rounds: int) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.is_tiny = is_tiny
        self.num_rounds = num_rounds

    def wait(self) -> None:
        """Wait until the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def times(self, candidates: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Return the median seconds of each candidate, the work on the device included."""

        def finished(work: Callable[[], object]) -> Callable[[], None]:
            def run() -> None:
                work()
                self.wait()

            return run

        works = {name: finished(work) for name, work in candidates.items()}
        for work in works.values():
            work()
        timings = time_candidates(works, self.num_rounds)
        return {name: timings.median_sec(name) for name in candidates}

    def host_waits(self, work: Callable[[], object]) -> int:
        """Return how often the host waits for the GPU in `work`; 0 on a CPU."""
        if self.device.type != "cuda":
            return 0
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work()
        torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(warning.message) for warning in caught)


def load_wenet_layer(checkout: str) -> type[nn.Module]:
    """Return WeNet's MoE layer, from the single file that defines it."""
    spec = importlib.util.spec_from_file_location("wenet_layer", Path(checkout) / WENET_LAYER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MoEFFNLayer


def measure_layers(machine: Machine, wenet: str | None) -> None:
    """Print the time of one MoE layer by kernel, number of experts and number of frames."""
    print("ms of one layer, forward and backward:")
    print("| E | frames | " + " | ".join([*EXPERT_KERNELS, "WeNet"]))
    for num_experts in (8, 32):
        for num_frames in (200,) if machine.is_tiny else (500, 2000, 8000, 32000):
            found = machine.times(layer_candidates(machine, num_experts, num_frames, wenet))
            row = " | ".join(f"{1e3 * seconds:.2f}" for seconds in found.values())
            print(f"| {num_experts} | {num_frames} | {row}", flush=True)


def layer_candidates(
    machine: Machine, num_experts: int, num_frames: int, wenet: str | None
) -> dict[str, Callable[[], None]]:
    """Return the work of one MoE layer by kernel, on the same random frames."""
    d_model, hidden_units = (64, 32) if machine.is_tiny else (512, 1024)
    x = torch.randn(1, num_frames, d_model, device=machine.device, requires_grad=True)
    valid = all_frames_valid(1, num_frames, machine.device)
    work = {}
    for name, kernel in EXPERT_KERNELS.items():
        router = TopKRouter(d_model, num_experts, K, "selected")
        bank = ExpertBank(d_model, hidden_units, num_experts, 0.0, kernel)
        layer = MoEFeedForward(router, bank).to(machine.device)
        work[name] = forward_and_backward(machine, lambda layer=layer: layer(x, valid)[0])
    if wenet is not None:
        theirs = load_wenet_layer(wenet)(
            d_model, hidden_units, 0.0, nn.SiLU(), True, num_experts, K
        ).to(machine.device)
        work["WeNet"] = forward_and_backward(machine, lambda: theirs(x))
    return work


def forward_and_backward(machine: Machine, forward: Callable[[], Tensor]) -> Callable[[], None]:
    """Return a function that computes an output in bfloat16 and the gradients of its sum."""

    def work() -> None:
        with torch.autocast(machine.device.type, torch.bfloat16):
            y = forward()
        y.float().sum().backward()

    return work


def conformer(
    d_model: int, num_blocks: int, hidden_units: int, num_experts: int, kernel: str
) -> AsrModel:
    """Return a U2++ Conformer, dense or with experts that cost as much for each frame."""
    feed_forward = DenseConfig(hidden_units=hidden_units)
    if num_experts:
        feed_forward = MoeConfig(
            hidden_units=hidden_units // K,
            num_experts=num_experts,
            experts_per_frame=K,
            kernel=kernel,
        )
    encoder = ConformerConfig(
        num_blocks=num_blocks,
        d_model=d_model,
        dynamic_chunk=False,
        feed_forward=feed_forward,
        macaron_feed_forward=feed_forward,
    )
    decoder = DecoderConfig(num_blocks=2, num_reverse_blocks=1, feed_forward=feed_forward)
    return build_model(ModelConfig(encoder=encoder, decoder=decoder), 80, VOCAB)


def padded_batch(num_utts: int, longest: int, device: torch.device) -> tuple[Tensor, ...]:
    """Return features, tokens and their lengths; the shortest utterance has 60 % of the frames."""
    lens = torch.linspace(1.0, 0.6, num_utts).mul(longest).long()
    tokens_lens = lens // 32
    feats = torch.randn(num_utts, longest, 80)
    tokens = torch.randint(3, VOCAB, (num_utts, int(tokens_lens.max())))
    return tuple(tensor.to(device) for tensor in (feats, lens, tokens, tokens_lens))


def measure_steps(machine: Machine) -> None:
    """Print time, memory and host waits of training steps."""
    columns = "frames | step ms | frames/s | MiB | host waits: forward, step"
    print(f"| model | kernel | precision | {columns}")
    sizes = {"8 x 144, hidden 576": (144, 8, 576), "12 x 512, hidden 2048": (512, 12, 2048)}
    batches = {"8 x 144, hidden 576": (8, 32), "12 x 512, hidden 2048": (10, 50)}
    for name, (d_model, num_blocks, hidden_units) in sizes.items():
        if machine.is_tiny:
            d_model, num_blocks, hidden_units = 64, 1, 32
        for num_utts in batches[name]:
            batch = padded_batch(2 if machine.is_tiny else num_utts, 320, machine.device)
            for num_experts, kernels in ((0, ["dense"]), (8, list(EXPERT_KERNELS)), (32, ["auto"])):
                for kernel in kernels:
                    for precision in ("fp32", "bf16") if num_blocks == 8 else ("bf16",):
                        model = conformer(d_model, num_blocks, hidden_units, num_experts, kernel)
                        label = f"{name}, E {num_experts} | {kernel} | {precision}"
                        measure_step(machine, model, batch, precision == "bf16", label)


def measure_step(
    machine: Machine, model: AsrModel, batch: tuple[Tensor, ...], in_bf16: bool, label: str
) -> None:
    """Print a row about the training step of one model."""
    model = model.to(machine.device).train()
    optimizer = build_optimizer(model, OptimConfig(lr=1e-5))
    is_gpu = machine.device.type == "cuda"

    def forward() -> Tensor:
        with torch.autocast(machine.device.type, torch.bfloat16, enabled=in_bf16):
            return model(*batch).loss

    def step() -> None:
        forward().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    if is_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds = machine.times({"step": step})["step"]
    mebibytes = torch.cuda.max_memory_allocated() / 2**20 if is_gpu else 0
    num_frames = int(batch[1].sum())
    waits = f"{machine.host_waits(forward)}, {machine.host_waits(step)}"
    print(
        f"| {label} | {num_frames} | {1e3 * seconds:.1f} | {num_frames / seconds:.0f} | "
        f"{mebibytes:.0f} | {waits}",
        flush=True,
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wenet", help="checkout of WeNet")
    parser.add_argument("--num-rounds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="small sizes, for a trial on a CPU")
    args = parser.parse_args()
    machine = Machine(args.tiny, args.num_rounds)
    if machine.device.type == "cuda":
        print(torch.cuda.get_device_name())
    measure_layers(machine, args.wenet)
    measure_steps(machine)


if __name__ == "__main__":
    main()
