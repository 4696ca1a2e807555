"""The part of `last.pt` that belongs to the trainer: its content, and the errors of a resume."""

from pathlib import Path

import pytest
import torch
from torch import nn

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.models.outputs import LossOutput
from moeasr.seed import restore_generators
from moeasr.train.config import OptimConfig
from moeasr.train.meter import Meter
from moeasr.train.optim import build_optimizer
from moeasr.train.progress import (
    Part,
    Progress,
    load_weights,
    read_generators,
    read_progress,
    trainer_state,
)

LAST = Path("exp/last.pt")


def model_and_optimizer(width=2, **settings):
    model = nn.Linear(width, width)
    return model, build_optimizer(model, OptimConfig(**settings))


def test_progress_is_read_as_it_was_stored():
    meter = Meter()
    meter.note(lr=0.25)
    progress = Progress(epoch=3, batch=4, step=17, bad_in_a_row=1, meter=meter)
    state = trainer_state(progress, model_and_optimizer()[1])
    found = read_progress(state)
    assert found.meter.means() == {"lr": 0.25}
    assert (found.epoch, found.batch, found.step, found.bad_in_a_row) == (3, 4, 17, 1)


def test_the_place_in_the_schedule_is_read_as_it_was_stored():
    progress = Progress(epoch=3, batch=4, step=17, epoch_steps=6, schedule_shift=5)
    found = read_progress(trainer_state(progress, model_and_optimizer()[1]))
    assert (found.epoch_steps, found.schedule_shift) == (6, 5)


def test_an_epoch_starts_at_its_first_batch_and_with_empty_sums():
    meter = Meter()
    meter.note(lr=0.25)
    progress = Progress(epoch=3, batch=4, step=17, meter=meter)
    progress.start_epoch(4)
    assert (progress.epoch, progress.batch, progress.step) == (4, 0, 17)
    assert progress.meter.means() == {}


def test_fewer_processes_go_on_with_the_sums_of_all_and_the_batches_become_a_part():
    meter = Meter()
    meter.add(LossOutput(torch.tensor(6.0), torch.tensor(2.0), {"loss": torch.tensor(6.0)}, {}))
    progress = Progress(epoch=3, batch=4, step=17, meter=meter, earlier=(Part(3, 1),))
    state = trainer_state(progress, model_and_optimizer()[1])
    state["per_rank"] *= 2
    found = read_progress(state)
    assert (found.epoch, found.batch, found.step) == (3, 0, 17)
    assert found.earlier == (Part(3, 1), Part(2, 4))
    assert found.meter.state()["sums"] == {"loss": 12.0}
    assert found.meter.means() == {"loss": 3.0}
    found.start_epoch(4)
    assert found.earlier == ()


def test_a_new_process_gets_generators_of_the_seed_its_rank_and_the_step(monkeypatch):
    state = trainer_state(Progress(step=3), model_and_optimizer()[1])
    draws = set()
    for rank, seed, step in ((0, 1, 3), (1, 1, 3), (2, 1, 3), (1, 2, 3), (1, 1, 4), (1, 1, 3)):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        restore_generators(read_generators(state | {"step": step}, seed))
        draws.add(float(torch.rand(())))
    assert len(draws) == 5
    restore_generators(state["per_rank"][0]["generators"])
    assert float(torch.rand(())) in draws


def content_of(model, optimizer):
    return {"model": model.state_dict(), "trainer": trainer_state(Progress(), optimizer)}


def test_weights_come_from_the_checkpoint_and_settings_of_the_optimizer_from_the_config():
    old, old_optimizer = model_and_optimizer(weight_decay=0.5)
    old.weight.grad, old.bias.grad = torch.ones(2, 2), torch.ones(2)
    old_optimizer.step()
    model, optimizer = model_and_optimizer(weight_decay=0.25, betas=(0.5, 0.75))
    load_weights(content_of(old, old_optimizer), model, optimizer, LAST)
    assert torch.equal(model.weight, old.weight)
    assert optimizer.state[model.weight]["step"] == 1
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.25, 0.0]
    assert [group["betas"] for group in optimizer.param_groups] == [(0.5, 0.75)] * 2


def test_checkpoints_from_before_there_were_factors_of_learning_rates_resume():
    content = content_of(*model_and_optimizer())
    for group in content["trainer"]["optimizer"]["param_groups"]:
        del group["lr_factor"]
    model, optimizer = model_and_optimizer()
    load_weights(content, model, optimizer, LAST)
    assert [group["lr_factor"] for group in optimizer.param_groups] == [1.0, 1.0]


def test_another_model_is_refused():
    content = content_of(*model_and_optimizer(width=2))
    with pytest.raises(InputError, match="exp/last.pt does not fit this model: .*--exp-dir"):
        load_weights(content, *model_and_optimizer(width=3), LAST)


@pytest.mark.parametrize("state", [{99: {}}, {0: None}])
def test_a_damaged_state_of_the_optimizer_is_one_sentence(state):
    content = content_of(*model_and_optimizer())
    content["trainer"]["optimizer"]["state"] = state
    with pytest.raises(InputError, match="exp/last.pt does not fit this model"):
        load_weights(content, *model_and_optimizer(), LAST)
