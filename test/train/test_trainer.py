"""The training loop: exact resume, bad batches, signals, several processes."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.seed import seed_all
from moeasr.train.config import OptimConfig, ScheduleConfig, TrainConfig
from moeasr.train.trainer import STOPPED_BY_SIGNAL, Trainer

NUM_BATCHES = 5


class ToyBatch(NamedTuple):
    feats: torch.Tensor
    feats_lens: torch.Tensor
    tokens: torch.Tensor
    tokens_lens: torch.Tensor
    name: str


class ToySource:
    """Random batches, the same for the same epoch; calls `at(epoch, number)` before each."""

    def __init__(self, at=lambda epoch, number: None, rank=0, world_size=1, spoil=()):
        self.at, self.rank, self.world_size, self.spoil = at, rank, world_size, spoil

    def num_batches(self, epoch):
        return NUM_BATCHES if self.world_size == 1 else -(-NUM_BATCHES // self.world_size)

    def stream(self, epoch, start):
        numbers = list(range(NUM_BATCHES))
        numbers += numbers[: -NUM_BATCHES % self.world_size]
        for number in numbers[self.rank :: self.world_size][start:]:
            self.at(epoch, number)
            generator = torch.Generator().manual_seed(100 * epoch + number)
            feats = torch.randn(2, 40, 20, generator=generator)
            if (epoch, number) in self.spoil:
                feats[0, 3, 3] = float("nan")
            tokens = torch.randint(3, 9, (2, 3), generator=generator)
            lens = (torch.tensor([40, 36]), torch.tensor([3, 2]))
            yield ToyBatch(feats, lens[0], tokens, lens[1], f"utt{epoch}-{number}")


def make_model(dropout=0.1):
    ff = FeedForwardConfig(type="moe", hidden_units=8, num_experts=4)
    balanced = dataclasses.replace(ff, router="balanced")  # has a state that is no parameter
    config = ModelConfig(
        encoder=EncoderConfig(
            num_blocks=1,
            d_model=8,
            num_heads=2,
            dropout=dropout,
            attention_dropout=dropout,
            dynamic_chunk=dropout > 0,
            feed_forward=ff,
            macaron_feed_forward=balanced,
        ),
        decoder=DecoderConfig(
            num_blocks=1, num_reverse_blocks=1, num_heads=2, dropout=dropout, feed_forward=ff
        ),
    )
    seed_all(5)
    model = build_model(config, 20, 9)
    seed_all(6)
    return model


def make_trainer(exp_dir, source=None, model=None, dev=None, restart_epoch=False, **settings):
    model = model or make_model()
    settings = {
        "max_epochs": 3,
        "save_every_steps": 2,
        "log_every_steps": 1,
        "optim": OptimConfig(lr=1e-2),
        "schedule": ScheduleConfig(warmup_steps=3),
        **settings,
    }
    return Trainer(
        model=model,
        loss_of=lambda batch: model(*batch[:4]),
        describe=lambda batch: batch.name,
        train=source or ToySource(),
        dev=dev or ToySource(),
        config=TrainConfig(**settings),
        exp_dir=exp_dir,
        metadata={"config": {}},
        device=torch.device("cpu"),
        restart_epoch=restart_epoch,
        after_step=getattr(model, "balance_routers", None),
    )


def metrics(exp_dir):
    lines = (exp_dir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_run(one, other):
    weights = [checkpoint.load(path / "last.pt")["model"] for path in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert metrics(one) == metrics(other)
    names = [sorted(path.name for path in run.glob("*.pt")) for run in (one, other)]
    assert names[0] == names[1]


class Crash(Exception):
    """Stands for kill -9: nothing of ours gets to run after it."""


@pytest.mark.parametrize("crash_at", [(1, 0), (1, 3), (2, 4), (3, 1)])
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(tmp_path, crash_at):
    make_trainer(tmp_path / "unbroken").run()

    def crash(epoch, number):
        if (epoch, number) == crash_at:
            raise Crash

    with pytest.raises(Crash):
        make_trainer(tmp_path / "broken", ToySource(crash)).run()
    make_trainer(tmp_path / "broken").run()
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def test_a_run_killed_before_last_pt_of_a_finished_epoch_resumes_exactly(tmp_path):
    make_trainer(tmp_path / "unbroken").run()
    dev = ToySource()
    dev.at = lambda epoch, number: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):  # after the last step of epoch 1, within its evaluation
        make_trainer(tmp_path / "broken", dev=dev, save_every_steps=5).run()
    make_trainer(tmp_path / "broken").run()
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def crash_after(epoch_and_number):
    """A source of batches that crashes before one of them."""

    def crash(epoch, number):
        if (epoch, number) == epoch_and_number:
            raise Crash

    return ToySource(crash)


def test_an_epoch_whose_batches_have_changed_begins_again_and_says_so(tmp_path, caplog):
    with pytest.raises(Crash):
        make_trainer(tmp_path, crash_after((2, 4))).run()  # last.pt is of step 8, batch 3 of 5
    seen = []
    source = ToySource(lambda epoch, number: seen.append((epoch, number)))
    make_trainer(tmp_path, source, max_epochs=2, accum_steps=2, restart_epoch=True).run()
    assert seen == [(2, number) for number in range(NUM_BATCHES)]
    assert "epoch 2 begins again from its first batch" in caplog.text
    assert "utterances of 3 old batches are seen twice" in caplog.text
    train = [record["step"] for record in metrics(tmp_path) if record["kind"] == "train"]
    assert train == list(range(1, 8 + 3 + 1))  # three steps of up to two batches


def test_a_finished_epoch_does_not_begin_again(tmp_path, caplog):
    make_trainer(tmp_path / "unbroken", max_epochs=2).run()
    make_trainer(tmp_path / "broken", max_epochs=1).run()
    make_trainer(tmp_path / "broken", max_epochs=2, restart_epoch=True).run()
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")
    assert "begins again" not in caplog.text


def test_each_batch_is_seen_once_though_accumulation_changes_in_an_epoch(tmp_path, caplog):
    with pytest.raises(Crash):
        make_trainer(tmp_path, crash_after((2, 4))).run()  # last.pt is of step 8, batch 3 of 5
    make_trainer(tmp_path, max_epochs=2, accum_steps=2).run()
    assert checkpoint.load(tmp_path / "last.pt")["trainer"]["step"] == 9
    assert "no finite" not in caplog.text and "left out" not in caplog.text


def terminate_in_the_loss(trainer, num_calls):
    """Send SIGTERM amid the n-th batch, of training or evaluation."""
    loss_of, calls = trainer._loss_of, []

    def loss_then_signal(batch):
        calls.append(batch)
        if len(calls) == num_calls:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss_of(batch)

    trainer._loss_of = loss_then_signal
    with pytest.raises(SystemExit) as stopped:
        trainer.run()
    assert stopped.value.code == STOPPED_BY_SIGNAL == 143
    return len(calls)


# of 3 epochs, each of 5 batches of training and 5 of evaluation
@pytest.mark.parametrize(
    ("accum_steps", "num_calls", "step"),
    [(1, 1, 1), (1, 13, 8), (1, 15, 10), (1, 17, 10), (1, 20, 10), (2, 5, 3), (2, 8, 3)],
)
def test_sigterm_finishes_the_step_saves_and_exits(tmp_path, accum_steps, num_calls, step):
    def trainer(name):
        settings = {"accum_steps": accum_steps, "save_every_steps": 1000}
        return make_trainer(tmp_path / name, **settings)

    trainer("unbroken").run()
    assert terminate_in_the_loss(trainer("stopped"), num_calls) == num_calls
    assert checkpoint.load(tmp_path / "stopped" / "last.pt")["trainer"]["step"] == step
    trainer("stopped").run()
    assert_same_run(tmp_path / "unbroken", tmp_path / "stopped")


@pytest.mark.usefixtures("fails_rather_than_hangs")
@pytest.mark.parametrize(("epoch", "step"), [(0, 5), (2, 7)], ids=["evaluation", "training"])
def test_sigterm_is_heard_while_a_batch_does_not_come(tmp_path, epoch, step):
    make_trainer(tmp_path / "unbroken").run()

    def hang(at_epoch, number):
        if (at_epoch, number) == (epoch, 2):
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
            time.sleep(600)

    train, dev = ToySource(hang), ToySource(hang)
    with pytest.raises(SystemExit) as stopped:
        make_trainer(tmp_path / "stopped", train, dev=dev, save_every_steps=1000).run()
    assert stopped.value.code == STOPPED_BY_SIGNAL
    assert checkpoint.load(tmp_path / "stopped" / "last.pt")["trainer"]["step"] == step
    make_trainer(tmp_path / "stopped").run()
    assert_same_run(tmp_path / "unbroken", tmp_path / "stopped")


def test_a_finished_run_says_so_and_changes_nothing(tmp_path, caplog):
    make_trainer(tmp_path).run()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}
    caplog.set_level("INFO")
    make_trainer(tmp_path).run()
    assert "already finished" in caplog.text
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}


def test_the_loss_goes_down(tmp_path):
    class OneBatch(ToySource):
        def stream(self, epoch, start):
            return super().stream(1, start)

    make_trainer(tmp_path, OneBatch(), max_epochs=15).run()
    losses = [m["loss"] for m in metrics(tmp_path) if m["kind"] == "train"]
    assert losses[-1] < 0.7 * losses[0]


def test_bfloat16_training_stays_close_to_float32(tmp_path):
    for precision in ("fp32", "bf16"):
        make_trainer(tmp_path / precision, precision=precision).run()
    full, half = (
        [m["loss"] for m in metrics(tmp_path / p) if m["kind"] == "train"] for p in ("fp32", "bf16")
    )
    assert half != full  # it really ran in another precision
    assert half == pytest.approx(full, rel=0.05)


def test_a_batch_that_is_not_finite_is_left_out_by_name(tmp_path, caplog):
    make_trainer(tmp_path, ToySource(spoil={(1, 2)}), max_epochs=1).run()
    assert "utt1-2" in caplog.text
    weights = checkpoint.load(tmp_path / "last.pt")["model"]
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_a_dev_set_that_is_not_finite_makes_its_epoch_the_worst(tmp_path, caplog):
    spoil = {(0, number) for number in range(NUM_BATCHES)}
    make_trainer(tmp_path, dev=ToySource(spoil=spoil), max_epochs=1).run()
    assert checkpoint.load(tmp_path / "epoch_1.pt")["info"]["cost"] == float("inf")
    assert "dev loss not finite, left out: utt0-2" in caplog.text


def test_a_changed_weight_decay_takes_effect_on_resuming(tmp_path):
    make_trainer(tmp_path, max_epochs=1).run()
    again = make_trainer(tmp_path, max_epochs=2, optim=OptimConfig(lr=1e-2, weight_decay=0.3))
    again.run()
    groups = checkpoint.load(tmp_path / "last.pt")["trainer"]["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]


def test_too_many_bad_steps_end_the_run_with_advice(tmp_path):
    spoil = {(1, number) for number in range(NUM_BATCHES)}
    with pytest.raises(InputError, match=r"3 steps in a row .* lower `train.optim.lr`"):
        make_trainer(tmp_path, ToySource(spoil=spoil), max_bad_steps=3).run()


def test_a_finished_training_stays_finished_whatever_its_optimizer_was(tmp_path, caplog):
    """Groups of parameters may change between versions of this package."""
    make_trainer(tmp_path, max_epochs=1).run()
    content = checkpoint.load(tmp_path / "last.pt")
    content["trainer"]["optimizer"]["param_groups"].pop()
    checkpoint.save(tmp_path / "last.pt", content)
    with caplog.at_level("INFO"):
        make_trainer(tmp_path, max_epochs=1).run()
    assert "already finished: 1 epochs" in caplog.text
    with pytest.raises(InputError, match="does not fit this model"):
        make_trainer(tmp_path, max_epochs=2).run()


def test_another_models_last_pt_is_refused(tmp_path):
    make_trainer(tmp_path, max_epochs=1).run()
    model = torch.nn.Linear(2, 2)
    with pytest.raises(InputError, match="does not fit this model"):
        make_trainer(tmp_path, model=model, max_epochs=2).run()


def test_accumulated_micro_batches_are_one_big_batch(tmp_path):
    """Sums over utterances divided once: the split into micro-batches does not matter."""
    # float64: Adam turns the rounding noise of a zero gradient into a step
    model, big = make_model(dropout=0.0).double(), make_model(dropout=0.0).double()
    batches = [b._replace(feats=b.feats.double()) for b in ToySource().stream(1, 0)][:2]
    accumulated = make_trainer(tmp_path / "a", model=model, accum_steps=2)
    accumulated._run_step(batches)
    parts = [torch.cat(pair) for pair in zip(*(batch[:4] for batch in batches), strict=True)]
    make_trainer(tmp_path / "b", model=big)._run_step([ToyBatch(*parts, "both")])
    for (name, one), other in zip(model.named_parameters(), big.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5, msg=name)


def test_routers_are_balanced_after_each_step_by_all_its_micro_batches(tmp_path):
    seen = []
    trainer = make_trainer(tmp_path, accum_steps=2)
    trainer._after_step = seen.append
    batches = list(ToySource().stream(1, 0))[:2]
    trainer._run_step(batches)
    torch.manual_seed(0)
    frames = 2 * 2 * (9 + 8)  # K experts for each encoder frame of both batches
    assert len(seen) == 1 and float(seen[0]["00"].sum()) == frames
    spoilt = [batch._replace(feats=batch.feats * float("nan")) for batch in batches]
    trainer._run_step(spoilt)
    assert len(seen) == 1  # no step, no balancing


WORKER = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from test_trainer import NUM_BATCHES, ToySource, make_model, make_trainer
from moeasr import distributed
with distributed.process_group("cpu"):
    source = ToySource(rank=distributed.rank(), world_size=distributed.world_size())
    # one rank's whole share of the dev set is bad, and larger than the other's, which must neither
    # wait for it nor misread it
    spoil = {(0, number) for number in range(NUM_BATCHES)} if distributed.rank() == 1 else ()
    dev = ToySource(world_size=2 - distributed.rank(), spoil=spoil)
    make_trainer(Path(sys.argv[2]), source, make_model(dropout=0.0), dev, max_epochs=7).run()
"""


def test_two_processes_have_the_loss_curve_of_two_accumulated_micro_batches(tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    exp_dir = tmp_path / "two"
    done = subprocess.run(
        [*launch, str(worker), str(Path(__file__).parent), str(exp_dir)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]

    # One process cannot repeat a batch to fill the last step as two do: it gets six of them.
    class SixBatches(ToySource):
        def num_batches(self, epoch):
            return 6

        def stream(self, epoch, start):
            yield from super().stream(epoch, start)
            yield from (b for n, b in enumerate(super().stream(epoch, 0)) if n == 0)

    one = tmp_path / "one"
    make_trainer(
        one, SixBatches(), make_model(dropout=0.0), dev=ToySource(), max_epochs=7, accum_steps=2
    ).run()
    curves = [[m["loss"] for m in metrics(run) if m["kind"] == "train"] for run in (exp_dir, one)]
    assert len(curves[0]) == len(curves[1]) == 21
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)
