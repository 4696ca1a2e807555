"""Rows and table of the benchmark, from times and memory that are made up."""

import weakref

import pytest
import torch
from systems import CTC_ONLY, SYSTEMS, encoder
from torch.utils._python_dispatch import TorchDispatchMode

from moeasr.errors import InputError
from moeasr.models.build import build_model, count_params
from moeasr.models.config import ModelConfig
from moeasr.models.cost import model_cost
from moeasr.models.part_cost import DECODER_PARTS, PARTS, sum_of
from moeasr.report import speed_benchmark as module
from moeasr.report.speed_benchmark import (
    NUM_MEL_BINS,
    Subject,
    Workload,
    benchmark,
    benchmark_lines,
)
from moeasr.report.timing import MachineLimit, Timings
from moeasr.train.config import OptimConfig

WHOLE = {"causal_conv": False, "dynamic_chunk": False}

# So slow that full passes are limited by arithmetic, and streams by reading the weights.
LIMIT = MachineLimit(fp32_flops=1e9, bf16_flops=2e9, bytes_per_sec=1.5e7)
WORKLOAD = Workload(
    precisions=("fp32", "bf16"), utterance_sec=2.0, vocab_size=9, train_utts=3, num_rounds=2
)


@pytest.fixture(scope="module")
def made_up_times():
    """Candidates take 0.1, 0.2, 0.3 s ... in one round and twice that in the other."""
    numbers = {}

    def time_candidates(candidates, num_rounds):
        assert num_rounds == 2
        for name in candidates:
            numbers.setdefault(name, len(numbers) + 1)
        return Timings({name: [0.1 * numbers[name], 0.2 * numbers[name]] for name in candidates})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time_candidates", time_candidates)
        patch.setattr(module, "measure_machine", lambda: LIMIT)
        patch.setattr(module, "working_memory_bytes", lambda work: 300 * 2**20)
        yield


@pytest.fixture(scope="module")
def result(made_up_times):
    return benchmark({"moe": subject()}, WORKLOAD)


def subject():
    return Subject(ModelConfig(**SYSTEMS["u2pp_moe"]), OptimConfig())


def test_rates_by_hand(result):
    rows = {(row["what"], row["precision"]): row for row in result["rows"]}
    assert list(rows) == [
        *(("full", "fp32"), ("stream", "fp32"), ("full", "bf16"), ("stream", "bf16")),
        *(("train", "fp32"), ("train", "bf16")),
    ]
    seconds = {key: 0.15 * n for key, n in zip(rows, (1, 2, 3, 4, 5, 6))}  # medians
    params = count_params(build_model(subject().model, NUM_MEL_BINS, 9))
    for (what, precision), row in rows.items():
        took_sec = seconds[what, precision]
        if what == "train":
            assert row["frames_per_sec"] == pytest.approx(3 * 200 / took_sec)
        else:
            assert row["rtf"] == pytest.approx(took_sec / 2.0)
        speed = pytest.approx(seconds[what, "fp32"] / took_sec)
        assert row["speed"] == {"median": speed, "least": speed, "largest": speed}
        assert (row["total_params"], row["active_params"]) == params


def test_the_limit_is_of_arithmetic_or_of_reading_the_weights(result):
    """A pass does two operations for a multiply-add; a stream reads the weights in each chunk."""
    costs = model_cost(build_model(subject().model, NUM_MEL_BINS, 9), 2.0)
    encoding = sum_of(costs, "encoding", [part for part in PARTS if part not in DECODER_PARTS])
    num_reads = 2.0 / 0.64  # one for each chunk of 16 x 40 ms
    limits_sec = {
        ("full", "fp32"): 2 * encoding.macs_per_sec * 2.0 / 1e9,
        ("stream", "fp32"): num_reads * encoding.total_params * 4 / 1.5e7,
        ("full", "bf16"): 2 * encoding.macs_per_sec * 2.0 / 2e9,
        ("stream", "bf16"): num_reads * encoding.total_params * 2 / 1.5e7,
    }
    for row in result["rows"][:4]:
        limit_sec = row["of_limit"] * row["rtf"] * 2.0
        assert limit_sec == pytest.approx(limits_sec[row["what"], row["precision"]])


def test_the_table(result):
    lines = benchmark_lines(result | {"machine": MachineLimit(1e12, 2e12, 1.5e10)._asdict()})
    assert lines[0] == "machine: fp32 1000 GFLOP/s, bf16 2000 GFLOP/s, memory 15.0 GB/s"
    full, train = lines[3].split(), lines[-1].split()
    assert full[:6] == ["moe", "full", "fp32", "0.0750", "1.00", "[1.00,"]
    assert train[:6] == ["moe", "train", "bf16", "667", "0.83", "[0.83,"]
    assert full[-2] == train[-2] == "300"  # MiB
    row = result["rows"][0] | {"speed": {"median": 2.0, "least": 1.5, "largest": 3.25}}
    assert " 2.00 [1.50, 3.25] " in benchmark_lines(result | {"rows": [row]})[-1]


def test_every_config_is_compared_with_the_first_in_fp32(made_up_times):
    """Streams are compared with those of the first config that can be streamed."""
    configs = {
        name: Subject(ModelConfig(encoder=encoder(**settings), **CTC_ONLY), OptimConfig())
        for name, settings in [("whole", WHOLE), ("first", {}), ("second", {"num_blocks": 1})]
    }
    workload = Workload(
        precisions=("int8", "fp32"), utterance_sec=0.5, vocab_size=9, train_utts=2, num_rounds=2
    )
    rows = {
        (row["config"], row["what"], row["precision"]): row
        for row in benchmark(configs, workload)["rows"]
    }
    kinds = [("whole", "full"), *((c, w) for c in ("first", "second") for w in ("full", "stream"))]
    assert rows.keys() == {
        *((*kind, precision) for kind in kinds for precision in workload.precisions),
        *((name, "train", precision) for name in configs for precision in ("fp32", "bf16")),
    }
    for (_, what, _), row in rows.items():
        first = rows["first" if what == "stream" else "whole", what, "fp32"]
        # both rounds have the same ratio, that of the medians
        if what == "train":
            ratio = row["frames_per_sec"] / first["frames_per_sec"]
        else:
            ratio = first["rtf"] / row["rtf"]
        assert list(row["speed"].values()) == pytest.approx([ratio] * 3, rel=1e-12)
        assert row.get("of_limit", 1.0) > 0


def test_what_is_run_is_what_the_workload_says(monkeypatch):
    """Outputs of the passes: units, precisions, and a stream that sees no chunk but its own."""
    outputs = {}

    def time_candidates(candidates, num_rounds):
        outputs.update({name: work() for name, work in candidates.items()})
        return Timings({name: [1.0] for name in candidates})

    monkeypatch.setattr(module, "time_candidates", time_candidates)
    monkeypatch.setattr(module, "measure_machine", lambda: LIMIT)
    monkeypatch.setattr(module, "working_memory_bytes", lambda work: 0)
    settings = {"utterance_sec": 0.46, "vocab_size": 9, "chunk_size": 3, "train_utts": 0}
    configs = {"dense": Subject(ModelConfig(encoder=encoder(), **CTC_ONLY), OptimConfig())}
    streams = []
    for num_left_chunks in (0, -1):
        benchmark(configs, Workload(num_left_chunks=num_left_chunks, **settings))
        assert outputs["dense full fp32"].shape == (1, 10, 9)  # of 46 frames
        assert [chunk.size(1) for chunk in outputs["dense stream fp32"]] == [3, 3, 3, 1]
        streams.append(outputs["dense stream fp32"])
    (first, second, *_), (first_of_all, second_of_all, *_) = streams
    # the convolution looks back, too, but in the same way in both
    assert torch.equal(first, first_of_all) and not torch.equal(second, second_of_all)
    full = outputs["dense full fp32"]
    # log-probabilities of a few nats: bfloat16 has 8 bits, int8 weights 7
    errors = [(outputs[f"dense full {name}"] - full).abs().max() for name in ("bf16", "int8")]
    assert all(2.0**-20 < error < 2.0**-3 for error in errors)


def test_at_most_one_model_and_those_of_baselines_are_in_memory(monkeypatch):
    """The baseline of streams is of the second config, because the first cannot be streamed."""
    models, numbers = weakref.WeakSet(), []
    build = module.build_model

    def build_model(*args):
        numbers.append(len(models))
        model = build(*args)
        models.add(model)
        return model

    monkeypatch.setattr(module, "build_model", build_model)
    monkeypatch.setattr(
        module, "time_candidates", lambda works, _: Timings({name: [1.0] for name in works})
    )
    monkeypatch.setattr(module, "measure_machine", lambda: LIMIT)
    monkeypatch.setattr(module, "working_memory_bytes", lambda work: 0)
    configs = {
        name: Subject(ModelConfig(encoder=encoder(**settings), **CTC_ONLY), OptimConfig())
        for name, settings in [("whole", WHOLE), ("first", {}), ("second", {})]
    }
    benchmark(configs, Workload(utterance_sec=0.5, vocab_size=9, train_utts=1))
    recognition = [0, 1, 1, 1, 2, 2, 2, 2, 2]  # that were in memory when the next one was built
    assert numbers == [*recognition, 0, 1, 1]


class Operations(TorchDispatchMode):
    """Notes the results of PyTorch's operations, by name."""

    def __init__(self):
        super().__init__()
        self.results = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.results.append((func.overloadpacket.__name__, result))
        return result


def test_training_is_in_both_precisions_on_as_many_tokens_as_speech_has(monkeypatch):
    """Two in half a second, before which the decoder reads <sos/eos>."""
    found = {}

    def time_candidates(candidates, num_rounds):
        for name, work in candidates.items():
            with Operations() as operations:
                work()
            found[name] = operations.results
        return Timings({name: [1.0] for name in candidates})

    monkeypatch.setattr(module, "time_candidates", time_candidates)
    monkeypatch.setattr(module, "measure_machine", lambda: LIMIT)
    monkeypatch.setattr(module, "working_memory_bytes", lambda work: 0)
    workload = Workload(precisions=("fp32",), utterance_sec=0.5, vocab_size=9, train_utts=3)
    benchmark({"dense": Subject(ModelConfig(**SYSTEMS["dense"]), OptimConfig())}, workload)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        results = found[f"dense {precision}"]
        assert {result.dtype for name, result in results if name == "addmm"} == {dtype}
        assert {len(result[0]) for name, result in results if name == "embedding"} == {3}


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        (
            {"precisions": ("fp32", "fp8")},
            "--precisions must be one or more of fp32, bf16, int8, but is",
        ),
        ({"precisions": ()}, "--precisions must be one or more of"),
        ({"utterance_sec": 0.1}, "--utterance-sec must be between 0.2 and 3600"),
        ({"utterance_sec": 3601.0}, "--utterance-sec must be between 0.2 and 3600"),
        ({"num_rounds": 0}, "--num-rounds must be at least 1, but is 0"),
        ({"chunk_size": 0}, "--chunk-size must be at least 1, but is 0"),
        ({"num_left_chunks": -2}, "--num-left-chunks must be at least -1, but is -2"),
        ({"vocab_size": 3}, "--vocab-size must be at least 4, but is 3"),
        ({"train_utts": -1}, "--train-utts must be at least 0, but is -1"),
    ],
)
def test_workloads_that_cannot_be_run_are_refused(settings, option):
    with pytest.raises(InputError, match=option):
        Workload(**settings)
