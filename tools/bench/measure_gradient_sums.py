"""Compare two ways to sum the gradients of two processes on a CPU, by the time of a step.

    python tools/bench/measure_gradient_sums.py --num-blocks 2 --rounds 12

Buckets are summed during the backward pass; one flat sum follows after it. Both take turns in the
same processes. The ratio of their times in a round is printed as median and quartiles, because
other programs on the machine change the times. Each process has one thread, and gloo adds the
gradients in threads of its own: without a free core, nothing runs beside the backward pass.
"""

import argparse
import math
import os
import socket
import statistics
import time

import torch
from measure_shard_memory import VOCAB, config_of

from moeasr import distributed
from moeasr.models.build import build_model, count_params
from moeasr.seed import seed_all
from moeasr.train.gradient_buckets import BUCKET_BYTES
from moeasr.train.replication import Replication

NUM_PROCESSES = 2


def measure(rank: int, port: int, args: argparse.Namespace) -> None:
    """Measure in one of the processes; the first one prints the ratio."""
    place = {"RANK": rank, "WORLD_SIZE": NUM_PROCESSES, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    torch.set_num_threads(1)
    with distributed.process_group("cpu"):
        seed_all(1)
        model = build_model(config_of(args.num_blocks), 80, VOCAB)
        batch = (torch.randn(2, args.frames, 80), torch.tensor([args.frames] * 2))
        batch += (torch.randint(3, VOCAB, (2, 10)), torch.tensor([10, 8]))
        buckets = Replication(model, BUCKET_BYTES)
        flat = Replication(model, math.inf)

        def step_sec(engine: Replication, overlaps: bool) -> float:
            """Return the time of a step without the optimizer."""
            distributed.gather(None)
            start = time.monotonic()
            engine.backward(model(*batch).loss, counts=True, is_last=overlaps)
            engine.sum_gradients(torch.ones(()))
            seconds = time.monotonic() - start
            model.zero_grad(set_to_none=True)
            return seconds

        times = [
            (step_sec(buckets, overlaps=True), step_sec(flat, overlaps=False))
            for _ in range(args.rounds + 1)
        ][1:]  # the first round allocates memory
        ratios = [one / other for one, other in times]
        if distributed.is_main():
            low, median, high = statistics.quantiles(ratios, n=4)
            millions = count_params(model).total / 1e6
            seconds = (statistics.median(column) for column in zip(*times))
            print(
                f"{millions:.1f} M parameters, {args.rounds} rounds: buckets {next(seconds):.2f} s,"
                f" flat {next(seconds):.2f} s, ratio {median:.2f} (quartiles {low:.2f}, {high:.2f})"
            )


def main() -> None:
    """Start the processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-blocks", type=int, default=2)
    parser.add_argument("--frames", type=int, default=200, help="frames of each of two utterances")
    parser.add_argument("--rounds", type=int, default=12)
    args = parser.parse_args()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    torch.multiprocessing.spawn(measure, (port, args), NUM_PROCESSES)


if __name__ == "__main__":
    main()
