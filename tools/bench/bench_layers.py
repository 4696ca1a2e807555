"""Benchmark of layers with pytest-benchmark, which the test suite does not run.

    PYTHONPATH=tools/bench taskset -c 1 python -m pytest tools/bench/bench_layers.py \
        -o python_functions="bench_*" --benchmark-columns min,median,iqr

Each group has its own table, fastest first. Compare the ratios, because times depend on the machine
and its load. `moeasr benchmark` measures whole models.
"""

import pytest
import torch
from peer_factory import make

from moeasr.moe.experts import EXPERT_KERNELS

SIZES = {"streaming chunk": 16, "10 s": 250, "batch": 4096}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.mark.parametrize("precision", ["plain", "fp32", "bf16", "int8"])
@pytest.mark.parametrize("num_frames", SIZES.values(), ids=SIZES)
def bench_precision(benchmark, num_frames, precision):
    """Benchmark 8 experts of 2048 hidden units, 2 per frame, with packed and plain weights."""
    benchmark.group = f"MoE layer, {num_frames} frames"
    layer = make(256, 2048, 8, 2, "fp32" if precision == "plain" else precision).eval()
    if precision != "plain":
        layer.optimize_for_inference()
    with torch.inference_mode():
        benchmark(layer, torch.randn(1, num_frames, 256))


@pytest.mark.parametrize("num_experts", [4, 8, 16, 32])
@pytest.mark.parametrize("num_frames", [1024, 4096])
def bench_number_of_experts(benchmark, num_frames, num_experts):
    """Benchmark numbers of experts at equal work per frame, whose times should be equal."""
    benchmark.group = f"experts, {num_frames} frames"
    layer = make(256, 1024, num_experts, 2).eval()
    layer.optimize_for_inference()
    with torch.inference_mode():
        benchmark(layer, torch.randn(1, num_frames, 256))


@pytest.mark.parametrize("kernel", ["loop", "sorted"])
@pytest.mark.parametrize("num_frames", [128, 1024])
def bench_training(benchmark, num_frames, kernel):
    """Benchmark a forward and backward pass."""
    benchmark.group = f"forward and backward, {num_frames} frames"
    layer = make(256, 2048, 8, 2).train()
    layer.layer.experts.kernel = EXPERT_KERNELS[kernel]
    x, grad = torch.randn(1, num_frames, 256), torch.randn(1, num_frames, 256)

    def work():
        layer.zero_grad()
        layer(x.clone().requires_grad_()).backward(grad)

    benchmark(work)
