"""Alternating rounds of timed work, on a clock that only the work advances."""

import copy
import subprocess
import sys

import pytest
import torch
from rounding import NETWORK_STEPS, assert_close
from systems import BATCH, encoder, make_system, moe, vary

from moeasr.report import timing as speed
from moeasr.report.timing import (
    Timings,
    full_pass,
    measure_machine,
    streaming_pass,
    time_candidates,
    training_step,
)


class Machine:
    """A workload of a given duration, which grows in every round."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def clock(self):
        return self.now

    def work(self, name, took_sec):
        def run():
            self.calls.append(name)
            self.now += took_sec * (1 + len(self.calls) // 6)

        return run


def test_candidates_take_turns_forth_and_back_and_ratios_are_within_rounds():
    machine = Machine()
    candidates = {name: machine.work(name, sec) for name, sec in [("a", 1.0), ("b", 2.0)]}
    timings = time_candidates(candidates, 2, machine.clock)
    assert "".join(machine.calls) == "ab" + "abba" * 2  # once before the clock starts
    # each call's length grows from the 6th call on; the smaller of a round's two counts
    assert timings.seconds == {"a": [1.0, 2.0], "b": [2.0, 4.0]}
    assert timings.ratio("b", "a") == (0.5, 0.5, 0.5)
    assert timings.ratio("a", "b").median == 2.0
    assert timings.median_sec("a") == 1.5


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    timings = Timings({"a": [1.0, 4.0, 1.0], "b": [2.0, 4.0, 6.0]})
    assert timings.ratio("a", "b") == (2.0, 1.0, 6.0)  # of 2, 1 and 6; medians are 1 and 4
    assert timings.median_sec("a") == 1.0


def test_the_machines_limits_are_those_of_the_fastest_products(monkeypatch):
    """Each piece of work runs once, and its time is replaced by the times given here."""
    seconds = {"packed": 2.0, "plain": 0.5, "bf16": 0.25, "sum": 0.5}

    def time_candidates(candidates, num_rounds):
        results = {name: work() for name, work in candidates.items()}
        if "sum" in results:
            assert results["sum"] == 2**26  # of ones, 4 bytes each
        return Timings({name: [9.0, seconds[name]] for name in candidates})

    monkeypatch.setattr(speed, "time_candidates", time_candidates)
    num_products = 1024**3  # of the largest shape, each a multiplication and an addition
    limit = measure_machine(num_rounds=1)
    assert limit == (2 * num_products / 0.5, 2 * num_products / 0.25, 256 * 2**20 / 0.5)


def test_passes_are_encoder_and_ctc_whole_and_chunk_by_chunk():
    """A stream's chunks of 3 frames see one before: together they are one masked pass."""
    model, feats = make_system("u2pp_moe").eval(), BATCH[0][:1]
    lens = torch.tensor([feats.size(1)])
    with torch.inference_mode():
        whole = model.ctc_log_probs(model.encode(feats, lens).enc)
        masked = model.ctc_log_probs(model.encode(feats, lens, 3, num_left_chunks=1).enc)
    assert_close(full_pass(model, feats)(), whole, NETWORK_STEPS, dtype=torch.float64)
    found = torch.cat(streaming_pass(model, feats, chunk_size=3, num_left_chunks=1)(), dim=1)
    assert_close(found, masked, NETWORK_STEPS, dtype=torch.float64)


def test_a_model_that_routes_by_language_is_told_one():
    told = encoder(moe(router="language"))
    model = make_system("dense", encoder=told, languages=("en", "de")).eval()
    assert torch.isfinite(full_pass(model, BATCH[0][:1])()).all()
    assert streaming_pass(model, BATCH[0][:1], chunk_size=3, num_left_chunks=1)()
    training_step(model, torch.optim.SGD(model.parameters(), 1e-3), BATCH, False)()


@pytest.mark.parametrize(("num_frames", "num_chunks"), [(23, 1), (30, 1), (31, 2), (5, 1)])
def test_a_stream_makes_no_step_that_gives_no_output(num_frames, num_chunks):
    """Chunks of 6 frames begin every 24 feature frames, and the last needs at least 7 of these."""
    model, feats = make_system("u2pp_moe").eval(), BATCH[0][:1]
    found = streaming_pass(model, feats[:, :num_frames], chunk_size=6, num_left_chunks=1)()
    assert len(found) == num_chunks


@pytest.mark.parametrize("in_bf16", [False, True])
def test_a_training_step_is_loss_gradient_clipping_and_update(in_bf16):
    """The optimizer is plain gradient descent. The norm of the gradients exceeds the limit, 5."""
    dtype = torch.float32 if in_bf16 else torch.float64  # autocast leaves float64 as it is
    model = vary(make_system("dense", encoder=encoder(dynamic_chunk=False))).to(dtype).eval()
    batch = (BATCH[0].to(dtype), *BATCH[1:])
    twin, rate = copy.deepcopy(model).train(), 1e-3
    step = training_step(model, torch.optim.SGD(model.parameters(), rate), batch, in_bf16)
    assert model.training
    for _ in range(1 if in_bf16 else 2):
        step()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            loss = twin(*batch).loss
        parameters = list(twin.parameters())
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        assert norm > 5.5
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter -= rate * 5.0 / (norm + 1e-6) * gradient  # PyTorch's rule
        for found, wanted in zip(model.parameters(), parameters):
            assert_close(found, wanted, NETWORK_STEPS, dtype=dtype)


@pytest.mark.slow
def test_working_memory_is_what_work_adds():
    """The test uses a new process, because this one has freed pages that it would reuse."""
    code = (
        "import torch\n"
        "from moeasr.report.timing import working_memory_bytes\n"
        "torch.ones(2)\n"
        "print(working_memory_bytes(lambda: torch.ones(2**26)), working_memory_bytes(lambda: None))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    large, nothing = map(int, done.stdout.split())
    assert large == pytest.approx(2**28, rel=0.2)
    assert nothing < 2**26
