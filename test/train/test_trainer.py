"""The training loop: exact resume, bad batches, signals, several processes."""

import json
import math
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from toys import (
    NUM_BATCHES,
    Crash,
    ListSource,
    Slope,
    ToyBatch,
    ToySource,
    make_model,
    make_trainer,
)
from two_processes import TRAINING, run_two_processes

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.models.intermediate_ctc import IntermediateCtcConfig
from moeasr.train.checkpoint_keeper import CheckpointKeeper
from moeasr.train.config import EmaConfig, FreezeConfig, OptimConfig, ScheduleConfig
from moeasr.train.evaluation import EvaluatedBatch
from moeasr.train.stopping import STOPPED_BY_SIGNAL


def train_slope(exp_dir, *epochs, dev=(), model=None, **settings):
    """Train `Slope` on lists of batches, one list per epoch, and return the model."""
    model = model or Slope()
    source = ListSource([[], *epochs])
    dev = ListSource([list(dev)])
    make_trainer(exp_dir, source, model, dev, max_epochs=len(epochs), **settings).run()
    return model


def metrics(exp_dir, kind=None):
    """The lines of metrics.jsonl, or those of one kind."""
    lines = (exp_dir / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if kind in (None, line["kind"])]


def assert_same_run(one, other):
    weights = [checkpoint.load(path / "last.pt")["model"] for path in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert metrics(one) == metrics(other)
    names = [sorted(path.name for path in run.glob("*.pt")) for run in (one, other)]
    assert names[0] == names[1]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The directory of a run that was not stopped."""
    torch.set_num_threads(1)  # as in each test, see conftest.py
    exp_dir = tmp_path_factory.mktemp("unbroken")
    make_trainer(exp_dir).run()
    return exp_dir


@pytest.mark.parametrize("crash_at", [(1, 0), (1, 3), (2, 4), (3, 1)])
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(tmp_path, unbroken, crash_at):

    def crash(epoch, number):
        if (epoch, number) == crash_at:
            raise Crash

    with pytest.raises(Crash):
        make_trainer(tmp_path, ToySource(crash)).run()
    make_trainer(tmp_path).run()
    assert_same_run(unbroken, tmp_path)


@pytest.mark.parametrize(
    ("signals", "num_views"),
    [
        ({"consistency_weight": 0.2}, 2),
        ({"intermediate_ctc": IntermediateCtcConfig(blocks=(1,))}, 1),
        ({"intermediate_ctc": IntermediateCtcConfig(blocks=(1,), conditioned_blocks=(1,))}, 1),
        ({"ctc_weight_schedule": ((0, 0.9), (8, 0.3))}, 1),
        ({}, 1),
    ],
    ids=["consistency", "intermediate", "conditioned", "schedule", "ema"],
)
def test_learning_signals_resume_to_the_same_weights_bit_for_bit(tmp_path, signals, num_views):
    def run(name, source=None):
        model = make_model(num_blocks=2, **signals)

        def loss_of(batch):
            if not model.training or num_views == 1:
                return model(*batch[:4])
            views = [batch.feats, batch.feats + 1.0]
            rest = [torch.cat((x, x)) for x in batch[1:4]]
            return model(torch.cat(views), *rest, num_views=2)

        settings = {"max_epochs": 2, "ema": EmaConfig(decay=0.7), "writers": ("jsonl",)}
        make_trainer(tmp_path / name, source, model, loss_of=loss_of, **settings).run()

    run("unbroken")
    with pytest.raises(Crash):
        run("broken", crash_after((2, 1)))
    run("broken")
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")
    files = [checkpoint.load(tmp_path / name / "ema.pt") for name in ("unbroken", "broken")]
    assert files[0]["info"] == files[1]["info"]
    for name, tensor in files[0]["model"].items():
        assert torch.equal(tensor, files[1]["model"][name])
    if signals:  # they are in the loss
        plain = make_model(num_blocks=2)
        make_trainer(tmp_path / "plain", model=plain, max_epochs=1, writers=("jsonl",)).run()
        losses = [metrics(tmp_path / name, "train")[0]["loss"] for name in ("plain", "unbroken")]
        assert losses[0] != losses[1]


def test_a_run_resumes_bit_for_bit_around_the_epoch_in_which_modules_thaw(tmp_path):
    """`last.pt` of the crashes is from before the thaw, from just before it, and from after it."""
    freeze = (FreezeConfig(modules=("encoder",), until_epoch=2), FreezeConfig(modules=("ctc",)))
    optim = OptimConfig(lr=1e-2, weight_decay=0.3, lr_factors={"decoder": 0.5})
    settings = {"freeze": freeze, "optim": optim, "ema": EmaConfig(decay=0.7)}
    start = {name: tensor.clone() for name, tensor in make_model().state_dict().items()}
    make_trainer(tmp_path / "unbroken", **settings).run()
    for crash_at in ((2, 3), (3, 0), (3, 3)):
        exp_dir = tmp_path / f"{crash_at}"
        with pytest.raises(Crash):
            make_trainer(exp_dir, crash_after(crash_at), **settings).run()
        make_trainer(exp_dir, **settings).run()
        assert_same_run(tmp_path / "unbroken", exp_dir)
    for epoch, frozen in enumerate((["encoder", "ctc"], ["encoder", "ctc"], ["ctc"]), start=1):
        weights = checkpoint.load(tmp_path / "unbroken" / f"epoch_{epoch}.pt")["model"]
        moved = {name.split(".")[0] for name in start if not weights[name].equal(start[name])}
        assert moved == {"encoder", "ctc", "decoder", "reverse_decoder"} - set(frozen)


def test_a_run_killed_before_last_pt_of_a_finished_epoch_resumes_exactly(tmp_path, unbroken):
    dev = ToySource()
    dev.at = lambda epoch, number: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):  # after the last step of epoch 1, within its evaluation
        make_trainer(tmp_path, dev=dev, save_every_steps=5).run()
    make_trainer(tmp_path).run()
    assert_same_run(unbroken, tmp_path)


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
    assert "epoch 2 restarts from its first batch" in caplog.text
    assert "utterances of 3 earlier batches are used twice" in caplog.text
    train = [record["step"] for record in metrics(tmp_path, "train")]
    assert train == list(range(1, 8 + 3 + 1))  # three steps of up to two batches


def test_a_finished_epoch_does_not_begin_again(tmp_path, caplog):
    make_trainer(tmp_path / "unbroken", max_epochs=2).run()
    make_trainer(tmp_path / "broken", max_epochs=1).run()
    make_trainer(tmp_path / "broken", max_epochs=2, restart_epoch=True).run()
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")
    assert "restarts" not in caplog.text


def test_each_batch_is_seen_once_though_accumulation_changes_in_an_epoch(tmp_path, caplog):
    with pytest.raises(Crash):
        make_trainer(tmp_path, crash_after((2, 4))).run()  # last.pt is of step 8, batch 3 of 5
    make_trainer(tmp_path, max_epochs=2, accum_steps=2).run()
    assert checkpoint.load(tmp_path / "last.pt")["trainer"]["step"] == 9
    assert "no finite" not in caplog.text and "left out" not in caplog.text


class HalvedBatches(ToySource):
    """Twice as many batches, as with half the frames in each."""

    def num_batches(self, epoch):
        return 2 * super().num_batches(epoch)

    def stream(self, epoch, start):
        yield from [batch for batch in super().stream(epoch, 0) for _ in range(2)][start:]


@pytest.mark.parametrize("stop", [(4, 0), (4, 3)])
@pytest.mark.parametrize(
    ("source", "changed"),
    [(ToySource, {"accum_steps": 2}), (ToySource, {"accum_steps": 3}), (HalvedBatches, {})],
)
def test_the_learning_rate_falls_to_its_end_without_a_jump_though_batches_change(
    tmp_path, source, changed, stop
):
    cosine = ScheduleConfig(name="warmup_cosine", warmup_steps=1, final_ratio=0.01)
    settings = {"schedule": cosine, "optim": OptimConfig(lr=1.0), "max_epochs": 6}
    settings |= {"save_every_steps": 1}
    with pytest.raises(Crash):
        make_trainer(tmp_path, crash_after(stop), **settings).run()
    make_trainer(tmp_path, source(), restart_epoch=True, **settings, **changed).run()
    rates = [record["lr"] for record in metrics(tmp_path, "train")]
    before, after = rates[14:16]  # the last step of epoch 3, and the first one of epoch 4
    if stop == (4, 0):
        assert rates[1:] == sorted(rates[1:], reverse=True)
    else:  # epoch 4 begins again, with its rate
        after = rates[18]
    assert 0.7 < after / before < 1
    assert rates[-1] == pytest.approx(0.01)


def terminate_in_the_loss(trainer, num_calls):
    """Send SIGTERM during the loss of the n-th batch of training or evaluation."""
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
def test_sigterm_finishes_the_step_saves_and_exits(
    tmp_path, unbroken, accum_steps, num_calls, step
):
    def trainer(name):
        settings = {"accum_steps": accum_steps, "save_every_steps": 1000}
        return make_trainer(tmp_path / name, **settings)

    if accum_steps > 1:
        unbroken = tmp_path / "unbroken"
        trainer("unbroken").run()
    assert terminate_in_the_loss(trainer("stopped"), num_calls) == num_calls
    assert checkpoint.load(tmp_path / "stopped" / "last.pt")["trainer"]["step"] == step
    trainer("stopped").run()
    assert_same_run(unbroken, tmp_path / "stopped")


@pytest.mark.usefixtures("fails_rather_than_hangs")
@pytest.mark.parametrize(("epoch", "step"), [(0, 5), (2, 7)], ids=["evaluation", "training"])
def test_sigterm_is_heard_while_a_batch_does_not_come(tmp_path, unbroken, epoch, step):
    def hang(at_epoch, number):
        if (at_epoch, number) == (epoch, 2):
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
            time.sleep(600)

    train, dev = ToySource(hang), ToySource(hang)
    with pytest.raises(SystemExit) as stopped:
        make_trainer(tmp_path, train, dev=dev, save_every_steps=1000).run()
    assert stopped.value.code == STOPPED_BY_SIGNAL
    assert checkpoint.load(tmp_path / "last.pt")["trainer"]["step"] == step
    make_trainer(tmp_path).run()
    assert_same_run(unbroken, tmp_path)


def test_a_finished_run_says_so_and_changes_nothing(tmp_path, caplog):
    make_trainer(tmp_path).run()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}
    caplog.set_level("INFO")
    make_trainer(tmp_path).run()
    assert "already finished" in caplog.text
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}


def test_the_time_of_all_sessions_is_kept(tmp_path):
    def seconds():
        return json.loads((tmp_path / "training_time.json").read_text())["training_sec"]

    epoch = [[[1.0, 1.0, 1.0]]]
    train_slope(tmp_path, epoch)
    first_sec = seconds()
    assert first_sec > 0
    (tmp_path / "training_time.json").write_text('{"training_sec": 1000}')
    train_slope(tmp_path, epoch, epoch)
    assert 1000 < seconds() < 1000 + 60


@pytest.mark.parametrize("best_by", ["loss", "acc"])
def test_dev_metrics_are_means_over_utterances_of_the_saved_model_in_evaluation(tmp_path, best_by):
    make_trainer(tmp_path, max_epochs=1, best_by=best_by).run()
    saved = checkpoint.load(tmp_path / "epoch_1.pt")
    model = make_model().eval()
    model.load_state_dict(saved["model"])
    with torch.no_grad():
        outputs = [model(*batch[:4]) for batch in ToySource().stream(0, 0)]
    (dev,) = metrics(tmp_path, "dev")
    for name in ("loss", "loss_ctc", "acc"):
        mean = sum(float(output.stats[name]) for output in outputs) / (2 * NUM_BATCHES)
        assert dev[name] == pytest.approx(mean, rel=1e-6), name  # float32
    assert saved["info"]["cost"] == {"loss": dev["loss"], "acc": -dev["acc"]}[best_by]


def test_epochs_are_ranked_by_their_word_error_rate_and_pictures_are_drawn_after_each(tmp_path):
    """The epochs have 3, 1 and 2 wrong words, so the second one is the best."""
    model, errors, ends = Slope(), iter([3, 1, 2]), []
    epoch, dev = [[[1.0, 1.0, 1.0]]], [[[1.0, 0.0, 0.0]] * 2]

    def evaluate_batch(batch):
        return EvaluatedBatch(model(*batch[:4]), next(errors), 2 * len(batch.feats))

    def after_epoch(end):
        saved = checkpoint.load(tmp_path / f"epoch_{end.epoch}.pt")["info"]
        ends.append((end.epoch, end.step, end.dev.means["wer"], saved["dev_wer"], saved["cost"]))

    calls = {"evaluate_batch": evaluate_batch, "after_epoch": after_epoch}
    settings = {"best_by": "wer", "keep_best": 1, "keep_last": 1, **calls}
    train_slope(tmp_path, epoch, epoch, epoch, dev=dev, model=model, **settings)
    rates = [75.0, 25.0, 50.0]
    assert [line["wer"] for line in metrics(tmp_path, "dev")] == rates
    assert ends == [(n, n, rate, rate, rate) for n, rate in enumerate(rates, start=1)]
    assert sorted(path.name for path in tmp_path.glob("epoch_*")) == ["epoch_2.pt", "epoch_3.pt"]


def test_a_stop_at_the_end_of_an_epoch_does_not_wait_for_pictures(tmp_path, monkeypatch):
    """A batch system kills a training soon after its SIGTERM."""
    epochs, drawn = ([[[1.0, 2.0, 0.0]]], [[[3.0, 1.0, 0.0]]]), []
    train_slope(tmp_path / "unbroken", *epochs)
    save_epoch = CheckpointKeeper.save_epoch

    def save_and_terminate(*arguments):
        save_epoch(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)

    def train():
        train_slope(tmp_path / "broken", *epochs, after_epoch=lambda end: drawn.append(end.epoch))

    with monkeypatch.context() as patched, pytest.raises(SystemExit) as stopped:
        patched.setattr(CheckpointKeeper, "save_epoch", save_and_terminate)
        train()
    assert stopped.value.code == STOPPED_BY_SIGNAL and drawn == []
    train()
    assert drawn == [2]
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def test_a_model_trains_in_training_mode_and_is_evaluated_in_evaluation_mode(tmp_path):
    """This holds in each epoch for a model in evaluation mode. Evaluation builds no graph."""
    train_slope(
        tmp_path,
        [[[1.0, 0.0, 0.0]], [[3.0, 0.0, 0.0]] * 3],
        [[[6.0, 0.0, 0.0]]],
        dev=[[[1.0, 0.0, 0.0]]],
        model=Slope().eval(),
    )
    modes = [(m["in_training"], m["with_graph"]) for m in metrics(tmp_path, "train")]
    assert modes == [(1.0, 1.0)] * 3
    assert [(m["in_training"], m["with_graph"]) for m in metrics(tmp_path, "dev")] == [(0, 0)] * 2
    # training metrics are means over the utterances since the epoch began
    assert [m["first"] for m in metrics(tmp_path, "train")] == [1.0, 10.0 / 4, 6.0]


def test_a_gradient_is_the_mean_over_utterances_of_the_step_and_then_clipped(tmp_path):
    """Micro-batches may have any size. One whose loss is not finite is left out."""
    nan = [[float("nan")] * 3] * 2
    micro_batches = [[[12.0, 0.0, 48.0]], nan, [[0.0, 16.0, 0.0], [0.0] * 3, [0.0] * 3]]
    train_slope(tmp_path, micro_batches, accum_steps=3, grad_clip=6.5)
    (line,) = metrics(tmp_path, "train")
    assert line["grad_norm"] == pytest.approx(13.0, rel=1e-12)  # of (3, 4, 12)
    assert line["loss"] == (12.0 + 48.0 + 16.0) / 4
    state = checkpoint.load(tmp_path / "last.pt")["trainer"]["optimizer"]["state"]
    moment = [*state[0]["exp_avg"].flatten().tolist(), *state[1]["exp_avg"].tolist()]
    # Adam's first moment is a tenth of the gradient; clipping adds 1e-6 to the norm
    assert moment == pytest.approx([0.15, 0.2, 0.6], rel=1e-6)


class TwoModules(Slope):
    """`Slope` with each of its weights in a module of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Module(), torch.nn.Module()
        self.first.weight, self.second.weight = self.matrix, self.vector


@pytest.mark.parametrize(("frozen", "norm"), [("first", 12.0), ("second", 5.0), (None, 13.0)])
def test_frozen_weights_do_not_decay_and_their_gradients_do_not_count(tmp_path, frozen, norm):
    freeze = (FreezeConfig(modules=(frozen,)),) if frozen else ()
    optim = OptimConfig(lr=0.1, weight_decay=0.5)
    model = TwoModules()
    settings = {"freeze": freeze, "optim": optim, "schedule": ScheduleConfig(warmup_steps=1)}
    train_slope(tmp_path, [[[3.0, 4.0, 12.0]]], model=model, **settings)
    (line,) = metrics(tmp_path, "train")
    assert line["grad_norm"] == pytest.approx(norm, rel=1e-12)
    # a step of Adam is the learning rate, and decay takes lr * weight_decay of matrices
    matrix = 1.0 if frozen == "first" else 1.0 * (1 - 0.1 * 0.5) - 0.1
    vector = 1.0 if frozen == "second" else 0.9
    assert model.weights() == pytest.approx([matrix, matrix, vector], rel=1e-7)
    if frozen == "first":
        assert model.matrix.tolist() == [[1.0, 1.0]]


def test_a_training_of_weights_that_the_loss_does_not_use_ends_before_its_first_step(tmp_path):
    model = TwoModules()
    model.idle = torch.nn.Linear(1, 1)
    freeze = (FreezeConfig(modules=("*",), except_=("idle",)),)
    with pytest.raises(InputError, match="^the loss depends on no weight that is trained"):
        train_slope(tmp_path, [[[1.0, 2.0, 3.0]]], model=model, freeze=freeze)
    assert checkpoint.load(tmp_path / "last.pt")["trainer"]["step"] == 0


def test_learning_rates_have_the_factors_of_their_modules(tmp_path):
    optim = OptimConfig(lr=0.1, lr_factors={"first": 0.25})
    schedule = ScheduleConfig(warmup_steps=1)
    step = [[1.0, 2.0, 3.0]]
    model = train_slope(tmp_path, [step], model=TwoModules(), optim=optim, schedule=schedule)
    assert model.weights() == pytest.approx([1 - 0.025, 1 - 0.025, 0.9], rel=1e-7)
    assert [line["lr"] for line in metrics(tmp_path, "train")] == [0.1]


def test_the_learning_rate_follows_optimizer_steps(tmp_path):
    """With two micro-batches per step, five micro-batches are three steps in each of two epochs."""
    epoch = [[[1.0, 2.0, 3.0]]] * NUM_BATCHES
    cosine = ScheduleConfig(name="warmup_cosine", warmup_steps=2, final_ratio=0.1)
    model = train_slope(tmp_path, epoch, epoch, accum_steps=2, schedule=cosine)
    halves = [0.5 * (1 + math.cos(math.pi * quarter / 4)) for quarter in (1, 2, 3, 4)]
    expected = [1e-2 * factor for factor in (0.5, 1.0, *(0.1 + 0.9 * half for half in halves))]
    lines = metrics(tmp_path, "train")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["lr"] for line in lines] == pytest.approx(expected, rel=1e-12)
    # under a gradient that stays the same, a step of Adam is the learning rate (less 1e-8 of it)
    assert model.weights() == pytest.approx([1.0 - sum(expected)] * 3, rel=1e-7)


def test_steps_without_a_finite_gradient_are_left_out_and_leave_no_trace(tmp_path, caplog):
    good, nan = [[1.0, 1.0, 1.0]], [[float("nan")] * 3]
    # each loss is 0, for these two weights stay equal, but two gradients add up to infinity
    steep = [[-1e308, 1e308, 0.0]]
    steps = [[good, good], [steep, steep], [good, good], [nan, nan], [good, good]]
    after = []
    model = train_slope(
        tmp_path, sum(steps, []), accum_steps=2, max_bad_steps=2, after_step=after.append
    )
    rates = [1e-2 * factor for factor in (1 / 3, 1.0, math.sqrt(3 / 5))]
    assert model.weights() == pytest.approx([1.0 - sum(rates)] * 3, rel=1e-7)
    assert "step 2: gradient is not finite, step left out" in caplog.text
    assert "step 4: loss is not finite, batch left out: utt1-6" in caplog.text
    assert len(after) == 3


def test_bad_steps_in_a_row_are_counted_across_a_stop(tmp_path):
    nan, good = [[float("nan")] * 3], [[1.0, 1.0, 1.0]]
    settings = {"max_bad_steps": 3, "save_every_steps": 1}
    with pytest.raises(ValueError, match="expected sequence"):  # no batch: the run breaks off
        train_slope(tmp_path, [good, nan, nan, [[1.0], []]], **settings)
    with pytest.raises(InputError, match=r"3 steps in a row \(up to step 4\)"):
        train_slope(tmp_path, [good, nan, nan, nan], **settings)


def test_the_loss_goes_down(tmp_path):
    class OneBatch(ToySource):
        def stream(self, epoch, start):
            return super().stream(1, start)

    make_trainer(tmp_path, OneBatch(), dev=ListSource([[]]), max_epochs=7).run()
    losses = [m["loss"] for m in metrics(tmp_path, "train")]
    assert losses[-1] < 0.7 * losses[0]


def test_bfloat16_training_stays_close_to_float32(tmp_path):
    for precision in ("fp32", "bf16"):
        make_trainer(tmp_path / precision, precision=precision, max_epochs=1).run()
    full, half = ([m["loss"] for m in metrics(tmp_path / p, "train")] for p in ("fp32", "bf16"))
    assert half != full  # it really ran in another precision
    assert half == pytest.approx(full, rel=0.05)


def test_a_batch_that_is_not_finite_is_left_out_by_name(tmp_path, caplog):
    make_trainer(tmp_path, ToySource(spoil={(1, 2)}), max_epochs=1).run()
    assert "utt1-2" in caplog.text
    weights = checkpoint.load(tmp_path / "last.pt")["model"]
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_a_batch_for_which_memory_is_too_small_is_named_with_its_step(tmp_path):
    model = make_model()

    def exhaust(batch):
        if batch.name == "utt1-3":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return model(*batch[:4])

    with pytest.raises(InputError, match=r"^out of memory in step 4: .* batch has utt1-3 \(CUDA"):
        make_trainer(tmp_path, model=model, loss_of=exhaust).run()


def test_a_rehearsed_step_writes_nothing(tmp_path):
    source = ToySource()
    model = make_model()
    trainer = make_trainer(tmp_path / "exp", source, model)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    trainer.rehearse(next(source.stream(1, 0)))
    assert not all(map(torch.equal, before, model.parameters()))
    assert not any(tmp_path.iterdir())


def test_a_dev_set_that_is_not_finite_makes_its_epoch_the_worst(tmp_path, caplog):
    spoil = {(0, number) for number in range(NUM_BATCHES)}
    make_trainer(tmp_path, dev=ToySource(spoil=spoil), max_epochs=1).run()
    assert checkpoint.load(tmp_path / "epoch_1.pt")["info"]["cost"] == float("inf")
    assert "dev loss is not finite, batch left out: utt0-2" in caplog.text


def test_as_many_best_and_latest_epochs_are_kept_as_the_config_says(tmp_path):
    """The weights fall step by step: the dev loss -w rises with them, and w falls."""
    epoch = [[[1.0, 1.0, 1.0]]]
    for sign, kept in ((-1.0, [1, 2, 4]), (1.0, [3, 4])):
        settings = {"keep_best": 2, "keep_last": 1, "dev": [[[sign, 0.0, 0.0]]]}
        train_slope(tmp_path / str(sign), *[epoch] * 4, **settings)
        assert sorted(int(p.stem[6:]) for p in (tmp_path / str(sign)).glob("epoch_*")) == kept


def test_a_changed_optimizer_takes_effect_on_resuming(tmp_path):
    epoch = [[[1.0, 1.0, 1.0]]]
    train_slope(tmp_path, epoch)
    train_slope(tmp_path, epoch, epoch, optim=OptimConfig(weight_decay=0.3, betas=(0.5, 0.6)))
    groups = checkpoint.load(tmp_path / "last.pt")["trainer"]["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert [list(group["betas"]) for group in groups] == [[0.5, 0.6]] * 2


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
    assert "already finished: 1 epoch; a larger" in caplog.text
    with pytest.raises(InputError, match="does not fit this model"):
        make_trainer(tmp_path, max_epochs=2).run()


def test_another_models_last_pt_is_refused(tmp_path):
    make_trainer(tmp_path, max_epochs=1).run()
    model = torch.nn.Linear(2, 2)
    with pytest.raises(InputError, match="does not fit this model"):
        make_trainer(tmp_path, model=model, max_epochs=2).run()


def test_accumulated_micro_batches_are_one_big_batch(tmp_path):
    """Sums over utterances are divided once, so the division into micro-batches does not matter."""
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
    trainer = make_trainer(tmp_path, accum_steps=2, after_step=seen.append)
    batches = list(ToySource().stream(1, 0))[:2]
    trainer._run_step(batches)
    torch.manual_seed(0)
    frames = 2 * 2 * (9 + 8)  # K experts for each encoder frame of both batches
    assert len(seen) == 1 and float(seen[0]["encoder.blocks.0.feed_forward"].sum()) == frames
    spoilt = [batch._replace(feats=batch.feats * float("nan")) for batch in batches]
    trainer._run_step(spoilt)
    assert len(seen) == 1  # no step, no balancing


WORKER = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from toys import NUM_BATCHES, Crash, ListSource, ToySource, make_model, make_trainer
from moeasr import distributed
from moeasr.seed import seed_all

root = Path(sys.argv[2])
with distributed.process_group("cpu"):
    rank = distributed.rank()
    # one rank's whole share of the dev set is bad, and larger than the other's, which must neither
    # wait for it nor misread it
    spoil = {(0, number) for number in range(NUM_BATCHES)} if rank == 1 else ()
    dev = ToySource(world_size=2 - rank, spoil=spoil)
    source = ToySource(rank=rank, world_size=2)
    make_trainer(root / "two", source, make_model(dropout=0.0), dev).run()

    def train_with_dropout(name, at=lambda epoch, number: None):
        model = make_model()
        seed_all(6 + rank)
        source = ToySource(at, rank, world_size=2)
        make_trainer(root / name, source, model, dev=ListSource([[]]), max_epochs=2).run()

    def crash(epoch, number):
        if epoch == 2 and number in (2, 3):  # before the second step
            raise Crash

    train_with_dropout("unbroken")
    try:
        train_with_dropout("broken", crash)
    except Crash:
        distributed.gather(None)  # the first process has written last.pt
        train_with_dropout("broken")
"""


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """The directory of the experiments that the two processes of `WORKER` ran together."""
    root = tmp_path_factory.mktemp("two_processes")
    worker = root / "worker.py"
    worker.write_text(WORKER)
    command = (str(worker), str(Path(__file__).parent.parent / "helpers"), str(root))
    for ended in run_two_processes(*command, imports=TRAINING):
        assert ended.status == 0, ended.error[-2000:]
    return root


@pytest.mark.slow
def test_two_processes_train_as_one_does_on_two_accumulated_micro_batches(two_processes, tmp_path):
    # One process cannot repeat a batch to fill the last step as two do: it gets six of them.
    class SixBatches(ToySource):
        def num_batches(self, epoch):
            return 6

        def stream(self, epoch, start):
            yield from super().stream(epoch, start)
            yield from (b for n, b in enumerate(super().stream(epoch, 0)) if n == 0)

    model, dev = make_model(dropout=0.0), ToySource(world_size=2)
    make_trainer(tmp_path, SixBatches(), model, dev, accum_steps=2).run()
    assert len(metrics(tmp_path)) == 3 * (3 + 2)  # epochs of three steps, dev losses and loads
    # bit for bit: sums of two addends do not depend on their order
    assert_same_run(two_processes / "two", tmp_path)
    # the dev set of the second process was bad
    assert checkpoint.load(two_processes / "two" / "epoch_1.pt")["info"]["cost"] == math.inf


@pytest.mark.slow
def test_two_processes_resume_exactly_with_a_dropout_of_their_own_each(two_processes):
    assert_same_run(two_processes / "unbroken", two_processes / "broken")
