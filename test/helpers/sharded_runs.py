"""Training steps of several processes with whole and with sharded models.

Run as a program with the name of a function and a directory, this file runs it in each process.
"""

import copy
import errno
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import torch
from systems import BATCH, LABELS, SYSTEMS, make_system
from torch.distributed.checkpoint import FileSystemWriter
from torch.distributed.tensor import DTensor
from toys import Crash, ListSource, Slope, ToyBatch, ToySource, make_model, make_trainer

from moeasr import checkpoint, distributed
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.models.distillation import Distillation, DistillationConfig
from moeasr.seed import seed_all
from moeasr.train import checkpoint_keeper
from moeasr.train.blocks import recompute_blocks
from moeasr.train.config import EmaConfig, FreezeConfig, OptimConfig, TrainConfig
from moeasr.train.gradients import finish_gradients
from moeasr.train.optim import build_optimizer
from moeasr.train.parallel import parallelise
from moeasr.train.replication import Replication
from moeasr.train.sharded_state import copy_to_host, write_shards
from moeasr.train.stopping import STOPPED_BY_SIGNAL

STEPS = 6
"""Steps of a training that must equal another to the last digits: the first show a difference."""
FLOAT = {"dtype": torch.float32}
LENGTHS = [10, 12, 9, 11, 10] * 20
VARIANTS = (("replicate", "none"), ("shard", "blocks"))
"""Values of `train.parallel` and `train.recompute` that must train as one process does."""


class Steps(NamedTuple):
    """The result of some training steps."""

    losses: list[float]
    """Loss of each step, summed over the micro-batches of all processes."""
    weights: dict[str, torch.Tensor]
    """Whole weights after the last step; only the first process has them."""
    share: float
    """Share of the parameters that this process holds."""


def make_batch(number, dtype=torch.float64):
    """The arguments of a model for the micro-batch of a number."""
    generator = torch.Generator().manual_seed(number)
    return (torch.randn(2, 70, 20, dtype=dtype, generator=generator), *BATCH[1:], LABELS)


def run_steps(
    name,
    parallel="replicate",
    recompute="none",
    bad=(),
    dtype=torch.float64,
    precision="fp32",
    teacher=None,
    steps=STEPS,
):
    """Train a system on two micro-batches in each step, together with all other processes.

    Args:
        name: One of `SYSTEMS`.
        parallel: The setting of `TrainConfig`.
        recompute: The setting of `TrainConfig`.
        bad: Numbers of micro-batches whose loss is not finite.
        dtype: Type of the weights.
        precision: The setting of `TrainConfig`.
        teacher: One of `SYSTEMS`, from which the system is distilled.
        steps: Number of steps.
    """
    seed_all(1)
    rates = {"dropout": 0.1, "attention_dropout": 0.1}
    model = make_system(name, rates=rates).to(dtype).train()
    config = TrainConfig(parallel=parallel, recompute=recompute, precision=precision)
    total = sum(p.numel() for p in model.parameters())
    engine = parallelise(model, config, torch.device("cpu"))
    loss_of = model
    if teacher is not None:
        distillation = DistillationConfig(teacher=teacher)
        teacher = make_system(teacher).to(dtype)
        loss_of = Distillation(model, teacher, distillation).loss
    held = [getattr(p, "_local_tensor", p) for p in model.parameters()]
    optimizer = build_optimizer(model, OptimConfig(lr=1e-2))
    losses, rank, world_size = [], distributed.rank(), distributed.world_size()
    for step in range(steps):
        model.start_step(step + 1)
        weight, loss = torch.zeros(()), torch.zeros((), dtype=dtype)
        numbers = range(2 * step + rank, 2 * step + 2, world_size)
        for number in numbers:
            seed_all(number)  # the dropout of a micro-batch does not depend on its process
            feats, *targets = make_batch(number, dtype)
            feats = feats * (float("nan") if number in bad else 1.0)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
                output = engine.run(lambda batch: loss_of(*batch), (feats, *targets))
            is_good = bool(torch.isfinite(output.loss))
            engine.backward(output.loss, counts=is_good, is_last=number == numbers[-1])
            if is_good:
                weight += output.weight
                loss += output.loss.detach()
        weight = engine.sum_gradients(weight)
        if finish_gradients(model, weight, max_norm=5.0) is not None:  # as the trainer does
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(distributed.sum_over_ranks(loss)))
    if teacher is not None:
        assert not any(isinstance(p, DTensor) or p.requires_grad for p in teacher.parameters())
    weights = engine.whole(engine.state())
    return Steps(losses, weights, sum(tensor.numel() for tensor in held) / total)


def all_steps(root):
    """Write the losses of all systems and variants, and of what shards could get wrong."""
    losses = {
        name: {"/".join(variant): run_steps(name, *variant).losses for variant in VARIANTS}
        for name in SYSTEMS
    }
    hard = {"bad": {"bad": (4, 9, 10, 11)}, "fp32": FLOAT}
    hard["bf16"] = FLOAT | {"precision": "bf16", "steps": 20}
    hard["distilled"] = {"teacher": "dense"}
    for kind, settings in hard.items():
        for parallel in ("replicate", "shard"):
            losses[f"{kind} {parallel}"] = run_steps("u2pp_moe", parallel, **settings).losses
    if distributed.is_main():
        (root / "losses.json").write_text(json.dumps(losses))


def sum_in_buckets(root):
    """Write the names of the systems whose gradients in buckets are those of one flat sum.

    Each process has two micro-batches, and the last one of the first process is bad.
    """
    rank, equal = distributed.rank(), []
    for name in SYSTEMS:
        seed_all(1)
        model = make_system(name).train()
        twin = copy.deepcopy(model)
        recompute_blocks(model)
        engine = Replication(model, bucket_bytes=2000)
        for number in (2 * rank, 2 * rank + 1):
            is_good, is_last = number != 1, number % 2 == 1
            for each in (model, twin):
                seed_all(number)
                loss = each(*make_batch(number)).loss
                if each is model:
                    engine.backward(loss, is_good, is_last)
                elif is_good:
                    loss.backward()
        engine.sum_gradients(torch.ones(()))
        flat = [torch.zeros_like(p) if p.grad is None else p.grad for p in twin.parameters()]
        flat = torch.cat([gradient.flatten() for gradient in flat])
        counts = torch.tensor([p.grad is not None for p in twin.parameters()]).int()
        distributed.sum_in_place(flat)
        distributed.sum_in_place(counts)
        sums = flat.split([p.numel() for p in twin.parameters()])
        pairs = zip((p.grad for p in model.parameters()), sums, counts.tolist(), strict=True)
        if all(
            torch.equal(found.flatten(), expected) if count else found is None
            for found, expected, count in pairs
        ):
            equal.append(name)
    if distributed.is_main():
        (root / "equal.json").write_text(json.dumps(equal))


class Share:
    """The batches of this process of a set of numbers, for `Slope`; it notes those it has given."""

    def __init__(self, root, rank, world_size, stop_at=None):
        config = BatchConfig(max_frames=40)
        self._sampler = BucketBatchSampler(LENGTHS, config, 1, rank, world_size)
        self._note = root / f"seen_{world_size}_{rank}"
        self._stop_at = stop_at
        self.leave_out = self._sampler.leave_out

    def num_batches(self, epoch):
        return len(self._sampler.batches(epoch))

    def stream(self, epoch, start):
        for number, batch in enumerate(list(self._sampler.batches(epoch))[start:]):
            if number == self._stop_at:
                raise Crash
            with open(self._note, "a", encoding="utf-8") as handle:
                handle.write(f"{epoch} {' '.join(map(str, batch))}\n")
            x = torch.tensor([[n, -n, 1.0] for n in batch], dtype=torch.float64)
            yield ToyBatch(x, None, None, None, str(batch))


def train_share(root):
    """Train `Slope` for two epochs; two processes and one process stop in the first."""
    rank, world_size = distributed.rank(), distributed.world_size()
    source = Share(root, rank, world_size, stop_at={1: 2, 2: 3}.get(world_size))
    settings = {"max_epochs": 2, "save_every_steps": 1, "writers": ("jsonl",)}
    parallel = "replicate" if world_size == 1 else "shard"
    dev = ListSource([[]])
    trainer = make_trainer(root, source, Slope(), dev, parallel=parallel, **settings)
    try:
        trainer.run()
    except Crash:
        distributed.gather(None)  # all processes have finished the step before


class DoubleSource(ToySource):
    """The batches of `ToySource` in float64."""

    def stream(self, epoch, start):
        yield from (b._replace(feats=b.feats.double()) for b in super().stream(epoch, start))


def do_nothing(epoch, number):
    """Do nothing before a batch."""


def train_toy(
    exp_dir, parallel, rates=0.0, at=do_nothing, num_drawn=2, at_dev=do_nothing, **settings
):
    """Train the toy model on two processes, whose shares of the dev set differ in size."""
    rank = distributed.rank()
    model = make_model(dropout=rates).double()
    seed_all(6 + rank)
    dev, drawn = DoubleSource(at_dev, world_size=2 - rank), []

    def draw(end):
        batch = next(dev.stream(0, 0))
        with torch.no_grad():
            drawn.append(model.encode(batch.feats, batch.feats_lens).enc)
        model.train()

    settings = {"ema": EmaConfig(decay=0.5), "parallel": parallel, **settings}
    source = DoubleSource(at, rank, world_size=2)
    make_trainer(exp_dir, source, model, dev, after_epoch=draw, **settings).run()
    assert len(drawn) == (num_drawn if distributed.is_main() else 0)


def train_idle(exp_dir, parallel):
    """Train a model with a weight of which no process has a gradient, for one step."""
    model = Slope()
    model.idle = torch.nn.Parameter(torch.ones(1, 2, dtype=torch.float64))
    source, optim = ListSource([[], [[[1.0, 2.0, 3.0]]]]), OptimConfig(lr=0.1, weight_decay=0.5)
    settings = {"max_epochs": 1, "optim": optim, "parallel": parallel}
    make_trainer(exp_dir, source, model, ListSource([[]]), **settings).run()


def train_toys(root):
    """Train the toy model in both ways, and sharded with dropout, with and without a crash."""
    freeze = (FreezeConfig(modules=("encoder.*", "ctc"), except_=("*.router",), until_epoch=1),)
    optim = OptimConfig(lr=1e-2, lr_factors={"decoder": 0.5})
    for parallel in ("replicate", "shard"):
        train_toy(root / parallel, parallel, max_epochs=2, freeze=freeze, optim=optim)
        train_idle(root / f"idle_{parallel}", parallel)

    def crash(epoch, number):
        if epoch == 2 and number in (2, 3):  # before the second step
            raise Crash

    settings = {"parallel": "shard", "rates": 0.1, "max_epochs": 2, "recompute": "blocks"}
    train_toy(root / "unbroken", **settings)
    try:
        train_toy(root / "broken", at=crash, **settings)
    except Crash:
        distributed.gather(None)  # the first process has written last.pt
    train_toy(root / "broken", **settings, num_drawn=1)
    train_toy(root / "stopped", **settings | {"max_epochs": 1}, num_drawn=1)


SAVING = {"parallel": "shard", "rates": 0.1, "max_epochs": 2}


def train_saving(root):
    """Train without a break, with a state that is written late, and with a SIGTERM.

    A copy of each state of the first training is written at once, and the size of its tensors in
    both processes.
    """

    def copy_and_write(content):
        local = [tensor.to_local() for tensor in content.shards.values()]
        sizes = distributed.gather(sum(x.numel() * x.element_size() for x in local))
        (root / "copied.json").write_text(json.dumps(sizes))
        write_shards(root / "at_once", content.shards)
        if distributed.is_main():
            checkpoint.save(root / "at_once.pt", content.plain)
        return copy_to_host(content)

    checkpoint_keeper.copy_to_host = copy_and_write
    train_toy(root / "unbroken", **SAVING)
    checkpoint_keeper.copy_to_host = copy_to_host
    may_write, steps = threading.Event(), []
    may_write.set()

    def write_late(*args):
        may_write.wait()
        write_shards(*args)

    def hold(epoch, number):
        if number in (2, 3):  # before the second step, after which the state is saved
            may_write.clear()

    def stop(epoch, number):  # after the third step
        steps.append(checkpoint.load(root / "late" / "last.pt")["trainer"]["step"])
        distributed.gather(None)
        may_write.set()
        raise Crash

    checkpoint_keeper.write_shards = write_late
    try:
        train_toy(root / "late", at=hold, at_dev=stop, **SAVING)
    except Crash:
        distributed.gather(None)
    steps.append(checkpoint.load(root / "late" / "last.pt")["trainer"]["step"])
    checkpoint_keeper.write_shards = write_shards
    train_toy(root / "late", **SAVING)

    def terminate(epoch, number):
        if (epoch, number) == (2, 3):  # in the second process, before the second step
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        train_toy(root / "stopped", at=terminate, **SAVING, save_every_steps=1000)
    except SystemExit as stopped:
        assert stopped.code == STOPPED_BY_SIGNAL
    distributed.gather(None)
    steps.append(checkpoint.load(root / "stopped" / "last.pt")["trainer"]["step"])
    train_toy(root / "stopped", **SAVING, num_drawn=1)
    if distributed.is_main():
        (root / "steps.json").write_text(json.dumps(steps))


def resume_saving(root):
    """Resume, or start, the training in `exp`."""
    train_toy(root / "exp", **SAVING)


def fail_saving(root):
    """Fail while the state after the second step is written.

    The name of the directory tells the method of DCP's writer, the rank and the fault.
    """
    method, rank, fault = root.name.split("-")
    write, is_due = getattr(FileSystemWriter, method), []

    def fail(*args, **options):
        if is_due and fault == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if is_due:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(*args, **options)

    if distributed.rank() == int(rank):
        setattr(FileSystemWriter, method, fail)
    train_toy(root / "exp", at=lambda _, number: is_due.extend([True] * (number > 1)), **SAVING)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with distributed.process_group("cpu"):
        globals()[sys.argv[1]](Path(sys.argv[2]))
