"""Toy models, batches and trainings, for tests of the training loop."""

import dataclasses
from typing import NamedTuple

import torch

from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.outputs import LossOutput
from moeasr.moe.layer import MoeConfig
from moeasr.seed import seed_all
from moeasr.train.config import OptimConfig, ScheduleConfig, TrainConfig
from moeasr.train.trainer import Trainer

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


def make_model(dropout=0.1, num_blocks=1, **signals):
    ff = MoeConfig(hidden_units=8, num_experts=4)
    balanced = dataclasses.replace(ff, router="balanced")  # has a state that is no parameter
    config = ModelConfig(
        encoder=ConformerConfig(
            num_blocks=num_blocks,
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
        **signals,
    )
    seed_all(5)
    model = build_model(config, 20, 9)
    seed_all(6)
    return model


def make_trainer(
    exp_dir,
    source=None,
    model=None,
    dev=None,
    restart_epoch=False,
    after_step=None,
    evaluate_batch=None,
    after_epoch=None,
    loss_of=None,
    **settings,
):
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
        loss_of=loss_of or (lambda batch: model(*batch[:4])),
        describe=lambda batch: batch.name,
        train=source or ToySource(),
        dev=dev or ToySource(),
        config=TrainConfig(**settings),
        exp_dir=exp_dir,
        metadata={"config": {}},
        device=torch.device("cpu"),
        restart_epoch=restart_epoch,
        before_step=getattr(model, "start_step", None),
        after_step=after_step or getattr(model, "react", None),
        evaluate_batch=evaluate_batch,
        after_epoch=after_epoch,
    )


class Slope(torch.nn.Module):
    """An utterance x, three numbers, costs weight x: the gradient is x, wherever the weights are.

    The weights are (1, 2), which the optimizer decays, and (1,), which it does not. They begin as
    ones. The statistics tell what the model is asked for.
    """

    def __init__(self):
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.ones(1, 2, dtype=torch.float64))
        self.vector = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x, *unused):
        loss = (x[:, :2] * self.matrix).sum() + (x[:, 2] * self.vector).sum()
        stats = {
            "loss": loss.detach(),
            "first": x[:, 0].sum(),
            "in_training": torch.tensor(float(len(x) * self.training)),
            "with_graph": torch.tensor(float(len(x) * torch.is_grad_enabled())),
        }
        return LossOutput(loss, torch.tensor(float(len(x))), stats, {})

    def weights(self):
        return [*self.matrix.flatten().tolist(), *self.vector.tolist()]


class ListSource:
    """Batches of utterances for `Slope`, by epoch (0 is evaluation)."""

    def __init__(self, epochs):
        self.epochs = epochs

    def num_batches(self, epoch):
        return len(self.epochs[epoch])

    def stream(self, epoch, start):
        for number, utts in enumerate(self.epochs[epoch][start:], start=start):
            x = torch.tensor(utts, dtype=torch.float64)
            yield ToyBatch(x, None, None, None, f"utt{epoch}-{number}")


class Crash(Exception):
    """An exception in place of kill -9, after which no code of moeasr runs."""
