"""The plan of a training, against the tensors and files of a real one and against known values."""

import dataclasses
from pathlib import Path

import pytest
import torch

from moeasr.convert.adapters import LoraConfig
from moeasr.errors import InputError
from moeasr.experiment.config import load_experiment
from moeasr.experiment.training_plan import (
    ModelSizes,
    Workload,
    measure_sizes,
    plan_training,
)
from moeasr.models.activations import BatchShape, inputs_of, measure_activations
from moeasr.models.build import build_model
from moeasr.models.cost import model_cost
from moeasr.train.blocks import find_units
from moeasr.train.optim import build_optimizer

CONF = Path(__file__).resolve().parents[2] / "egs/mini/conf"
WORK = Workload(num_gpus=4, hours=10, vocab_size=30)
SMALL = ("data.limits.max_frames=300", "data.batch.max_frames=1000")


def plan(name="dense", work=WORK, *overrides):
    short = dataclasses.replace(work, utterance_sec=2.0)
    return plan_training(load_experiment(CONF / f"{name}.yaml", (*SMALL, *overrides)), short)


def size_of(tensors):
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "u2pp_moe", "shared_moe", "speechmoe"])
def test_memory_and_files_are_those_of_a_training_step(name, tmp_path):
    one = dataclasses.replace(WORK, num_gpus=1)
    found = plan(name, one, "train.ema.decay=0.9")
    memory = found["memory_per_gpu"]["replicate"]
    config = load_experiment(CONF / f"{name}.yaml", SMALL)
    model = build_model(config.model, 80, WORK.vocab_size).train()
    optimizer = build_optimizer(model, config.train.optim)
    assert found["batch"].pop("kind") in ("longest", "average")
    shape = BatchShape(**found["batch"])
    assert shape.num_utts * shape.num_frames <= 1000
    assert memory["activations"] == pytest.approx(measure_activations(model, shape).total, rel=0.02)
    model(*inputs_of(model, shape)).loss.backward()
    optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    assert memory["weights"] == size_of(model.parameters()) == memory["moving average"]
    assert memory["gradients"] == size_of(p.grad for p in model.parameters())
    assert memory["optimizer"] == pytest.approx(size_of(states), rel=0.01)
    assert memory["sum"] == sum(memory.values()) - memory["sum"]
    weights, whole = tmp_path / "epoch.pt", tmp_path / "last.pt"
    torch.save({"model": model.state_dict()}, weights)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, whole)
    files = found["files"]
    assert files["epoch_N.pt"] == pytest.approx(weights.stat().st_size, rel=0.15)
    assert files["last.pt"] - files["ema.pt"] == pytest.approx(whole.stat().st_size, rel=0.15)


def test_shards_divide_what_stays_and_gather_blocks():
    found = plan("dense", WORK, "train.ema.decay=0.9")
    memory = found["memory_per_gpu"]
    for name in ("weights", "gradients", "optimizer"):
        assert memory["shard"][name] == memory["replicate"][name] / 4
    copied = sum(memory["shard"][name] for name in ("weights", "optimizer", "moving average"))
    assert found["copy_in_host_memory_per_gpu"] == {"shard": copied}
    weights = found["files"]["epoch_N.pt"]
    assert found["whole_model_in_host_memory_of_process_0"] == {"shard": weights}
    config = load_experiment(CONF / "dense.yaml")
    model = build_model(config.model, 80, 30)
    sizes = measure_sizes(model, find_units(model))
    largest = sorted(sum(p.numel() for p in u.parameters()) for u in find_units(model))
    assert max(sizes.units) <= largest[-1] and sum(sizes.units) + sizes.root == sizes.total
    top = sorted(sizes.units)
    assert memory["shard"]["gathered units"] == 4 * (sizes.root + sum(top[-3:]) + top[-1])


def test_the_whole_model_is_planned_where_it_is_larger_than_what_a_step_needs():
    """Every process gathers it to evaluate the dev set. Case: deep and wide, with short batches."""
    short = ("data.limits.max_frames=210", "data.batch.max_frames=210")
    wide = ("model.encoder.num_blocks=12", "model.encoder.feed_forward.hidden_units=4000", *short)
    memory = plan("dense", WORK, *wide)["memory_per_gpu"]["shard"]
    gathered = sum(
        memory[name] for name in ("activations", "gathered units", "whole model for dev")
    )
    assert gathered == pytest.approx(4 * memory["weights"])
    assert memory["sum"] == pytest.approx(sum(memory.values()) - memory["sum"])
    assert "whole model for dev" not in plan()["memory_per_gpu"]["shard"]


def test_recomputed_blocks_keep_less_and_frozen_modules_have_no_gradients():
    deep = "model.encoder.num_blocks=12"
    whole = plan("dense", WORK, deep)["memory_per_gpu"]["replicate"]
    recomputed = plan("dense", WORK, deep, "train.recompute=blocks")["memory_per_gpu"]["replicate"]
    assert recomputed["activations"] < 0.5 * whole["activations"]
    assert recomputed["weights"] == whole["weights"]
    memory = plan()["memory_per_gpu"]["replicate"]
    frozen = plan("dense", WORK, "train.freeze=[{modules: [encoder]}]")["memory_per_gpu"]
    model = build_model(load_experiment(CONF / "dense.yaml").model, 80, 30)
    decoder = sum(p.numel() for name, p in model.named_parameters() if "encoder." not in name)
    assert frozen["replicate"]["gradients"] == 4 * decoder
    assert frozen["replicate"]["activations"] < memory["activations"]
    assert frozen["shard"]["optimizer"] == 2 * decoder


def test_only_the_weights_of_an_adapter_have_gradients():
    adapter = ("init.model=dense.pt", "adapter={type: lora, rank: 2, also_train: [ctc]}")
    planned = plan("dense", WORK, *adapter)
    model = build_model(load_experiment(CONF / "dense.yaml").model, 80, 30)
    LoraConfig(rank=2, also_train=("ctc",)).attach(model)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    memory = planned["memory_per_gpu"]["replicate"]
    assert memory["gradients"] == 4 * trained and memory["optimizer"] == 8 * trained
    assert memory["weights"] == 4 * planned["parameters"] == size_of(model.parameters())
    assert planned["sent_per_gpu_and_step"]["replicate"] == 4 * 2 * 0.75 * trained


def test_steps_with_the_most_experts_are_planned_where_their_number_is_drawn():
    """Chunk sizes are random, so that the masks take a little more or less."""
    key = "model.encoder.feed_forward.experts_per_frame"
    drawn, four, two = (
        plan("u2pp_moe", WORK, f"{key}={value}")["memory_per_gpu"]["replicate"]["activations"]
        for value in ("{train: [2, 4], decode: 2}", 4, 2)
    )
    assert drawn == pytest.approx(four, rel=0.005) and drawn > 1.02 * two


def test_shared_blocks_are_counted_once():
    model = build_model(load_experiment(CONF / "shared_moe.yaml").model, 80, 30)
    sizes = measure_sizes(model, find_units(model))
    assert sizes.total == sum(p.numel() for p in model.parameters()) == sizes.trained
    assert sizes.root > 0 and sum(sizes.units) + sizes.root == sizes.total


def test_traffic_and_steps_have_known_values():
    config = load_experiment(CONF / "dense.yaml", ("train.accum_steps=3", *SMALL))
    model = build_model(config.model, 80, 30)
    sizes = measure_sizes(model, find_units(model))
    found = plan("dense", WORK, "train.accum_steps=3", "train.max_epochs=7")
    sent = found["sent_per_gpu_and_step"]
    # 3 of 4 parts of the gradients go round the ring twice
    assert sent["replicate"] == 4 * 2 * 0.75 * sizes.total
    assert sent["shard"] == 4 * 0.75 * 3 * (3 * sum(sizes.units) + 2 * sizes.root)
    # 18000 utterances of 2 s, 5 in a batch of 1000 frames, 4 GPUs, 3 micro-batches
    assert (found["steps_per_epoch"], found["steps"]) == (300, 2100)
    alone = plan("dense", dataclasses.replace(WORK, num_gpus=1))
    assert alone["sent_per_gpu_and_step"] == {"replicate": 0, "shard": 0}


def test_time_follows_from_the_throughput_or_the_speed():
    assert plan()["hours"] is None
    given = plan("dense", dataclasses.replace(WORK, throughput=100.0), "train.max_epochs=7")
    assert given["hours_per_epoch"] == 10 / 400 and given["hours"] == pytest.approx(70 / 400)
    model = build_model(load_experiment(CONF / "dense.yaml").model, 80, 30)
    macs = sum(cost.macs_per_sec for cost in model_cost(model, 2.0, 12.0))
    derived = plan("dense", dataclasses.replace(WORK, tflops=2.0))
    assert derived["throughput"] == pytest.approx(2e12 / (6 * macs))


def test_the_copy_of_the_gradients_counts_where_it_is_larger_than_the_activations():
    short = ("data.batch.max_frames=60", "data.limits.max_frames=60")
    work = dataclasses.replace(WORK, utterance_sec=0.5)
    config = load_experiment(CONF / "dense.yaml", short)
    memory = plan_training(config, work)["memory_per_gpu"]["replicate"]
    assert memory["copy of gradients"] == memory["gradients"] - memory["activations"] > 0
    assert "copy of gradients" not in plan()["memory_per_gpu"]["replicate"]


@pytest.mark.parametrize(
    ("work", "overrides", "message"),
    [
        ({"utterance_sec": 40.0}, (), "an utterance of 40 s is longer than `data.limits.max_fra"),
        ({"utterance_sec": 0.01}, (), "too short for the encoder"),
        ({"utterance_sec": 0.05}, ("data.limits.max_frames=5",), "too short for the encoder"),
    ],
)
def test_utterances_that_do_not_fit_are_one_sentence(work, overrides, message):
    config = load_experiment(CONF / "dense.yaml", ("data.limits.min_frames=1", *overrides))
    with pytest.raises(InputError, match=message):
        plan_training(config, dataclasses.replace(WORK, **work))


def test_model_sizes_leave_the_root():
    assert ModelSizes(total=10, trained=10, state=12, units=(3, 3)).root == 4
