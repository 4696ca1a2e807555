"""Measure the memory of each process in training with whole and with sharded models, on a CPU.

    python tools/bench/measure_shard_memory.py --num-processes 4 --num-blocks 12

A Conformer with experts in each block makes two training steps on random features. The first
process reports the bytes of the weights and the optimizer state that it holds between two steps,
and the growth of its resident memory since the start, when PyTorch is loaded and the processes have
found each other. The peak includes gradients, activations and the construction of the model.
"""

import argparse
import ctypes
import gc
import os
import resource
import socket
from pathlib import Path

import torch
from torch.distributed.tensor import DTensor

from moeasr import distributed
from moeasr.models.build import build_model, count_params
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.seed import seed_all
from moeasr.train.config import OptimConfig, TrainConfig
from moeasr.train.gradients import finish_gradients
from moeasr.train.optim import build_optimizer
from moeasr.train.parallel import parallelise

MB = 1e6
VOCAB = 100


def resident_mb() -> float:
    """Return the resident memory of this process without files, in MB."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024 / MB
    raise SystemExit("this system does not tell the resident memory of a process")


def config_of(num_blocks: int) -> ModelConfig:
    """Return the config of a Conformer of width 256 with two banks of 8 experts in each block."""
    experts = MoeConfig(hidden_units=1024, num_experts=8)
    encoder = ConformerConfig(
        num_blocks=num_blocks, d_model=256, feed_forward=experts, macaron_feed_forward=experts
    )
    decoder = DecoderConfig(num_blocks=1, num_reverse_blocks=0)
    return ModelConfig(encoder=encoder, decoder=decoder, reverse_weight=0.0)


def measure(rank: int, port: int, args: argparse.Namespace, parallel: str) -> None:
    """Train in one of the processes, and print the memory of the first one."""
    place = {"RANK": rank, "WORLD_SIZE": args.num_processes, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    torch.set_num_threads(1)
    with distributed.process_group("cpu"):
        distributed.gather(None)
        before_mb = resident_mb()
        seed_all(1)
        model = build_model(config_of(args.num_blocks), 80, VOCAB)
        counts = count_params(model)
        config = TrainConfig(parallel=parallel, recompute=args.recompute)
        engine = parallelise(model, config, torch.device("cpu"))
        optimizer = build_optimizer(model, OptimConfig())
        batch = (torch.randn(2, 200, 80), torch.tensor([200, 180]))
        batch += (torch.randint(3, VOCAB, (2, 10)), torch.tensor([10, 8]))
        for _ in range(2):
            output = engine.run(lambda inputs: model(*inputs), batch)
            engine.backward(output.loss, counts=True, is_last=True)
            weight = engine.sum_gradients(output.weight)
            finish_gradients(model, weight, max_norm=5.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            del output
        held = [*model.parameters()]
        held += [value for state in optimizer.state.values() for value in state.values()]
        parts = [t.to_local() if isinstance(t, DTensor) else t for t in held]
        held_mb = sum(part.numel() * part.element_size() for part in parts) / MB
        grown_mb = resident_mb() - before_mb
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
        if distributed.is_main():
            print(
                f"{parallel}: {counts.describe()}; weights and optimizer {held_mb:.0f} MB, "
                f"resident {grown_mb:.0f} MB more than before, peak of the process {peak_mb:.0f} MB"
            )


def main() -> None:
    """Measure replication, sharding, or both in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-processes", type=int, default=4)
    parser.add_argument("--num-blocks", type=int, default=12, help="12 have 111 M parameters")
    parser.add_argument("--parallel", choices=("replicate", "shard"), help="default: both")
    parser.add_argument("--recompute", choices=("none", "blocks"), default="none")
    args = parser.parse_args()
    for parallel in [args.parallel] if args.parallel else ["replicate", "shard"]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        torch.multiprocessing.spawn(measure, (port, args, parallel), args.num_processes)


if __name__ == "__main__":
    main()
