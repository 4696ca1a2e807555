"""Sharded training: the same steps as with whole models, and checkpoints that any run can read."""

import io
import json
import math
import pickle
import shutil
import signal
from enum import Enum
from pathlib import Path

import pytest
import torch
from sharded_runs import LENGTHS, STEPS, VARIANTS, DoubleSource, run_steps, train_idle
from systems import SYSTEMS
from toys import make_model, make_trainer
from two_processes import TRAINING, run_two_processes

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.train import sharded_state
from moeasr.train.checkpoint_space import state_bytes
from moeasr.train.config import EmaConfig, TrainConfig

HELPERS = Path(__file__).parent.parent / "helpers"


def start_worker(name, root, num_processes=2, timeout_sec=900):
    """Run a function of `sharded_runs` in several processes, and return their ends."""
    program = HELPERS / "sharded_runs.py"
    command = (str(program), name, str(root))
    options = {"imports": TRAINING, "timeout_sec": timeout_sec, "num_processes": num_processes}
    return run_two_processes(*command, **options)


def run_worker(name, root, num_processes=2):
    """Run a function of `sharded_runs` in several processes, all of which must succeed."""
    for ended in start_worker(name, root, num_processes):
        assert ended.status == 0, ended.error[-3000:]


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """The losses of the variants of two processes, by system."""
    root = tmp_path_factory.mktemp("steps")
    run_worker("all_steps", root)
    return json.loads((root / "losses.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_two_shards_train_as_two_replicas_and_as_one_process_with_two_micro_batches(steps, name):
    alone = run_steps(name).losses
    assert len(alone) == STEPS and alone[-1] < alone[0]
    for variant in VARIANTS:
        assert steps[name]["/".join(variant)] == pytest.approx(alone, rel=1e-9, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "tolerance"), [("bad", 1e-9), ("fp32", 1e-5), ("distilled", 1e-9)]
)
def test_bad_micro_batches_float32_and_teachers_train_alike(steps, kind, tolerance):
    """A process cannot leave out a bad micro-batch alone, because the others wait for its units.

    A teacher is not sharded with its student.
    """
    whole, sharded = (steps[f"{kind} {parallel}"] for parallel in ("replicate", "shard"))
    assert all(map(math.isfinite, sharded))
    assert sharded != steps["u2pp_moe"]["shard/blocks"]
    assert sharded == pytest.approx(whole, rel=tolerance)


@pytest.mark.slow
def test_bfloat16_trains_alike_until_rounding_errors_choose_other_experts(steps):
    """The order of sums depends on the machine, so they may differ in their last bit, by 2^-8."""
    whole, sharded = (steps[f"bf16 {parallel}"] for parallel in ("replicate", "shard"))
    assert sharded != steps["fp32 shard"]
    assert sharded[:5] == pytest.approx(whole[:5], rel=2**-8)
    assert whole[-1] < whole[0] / 2 and sharded[-1] < sharded[0] / 2


@pytest.mark.slow
def test_gradients_that_are_summed_in_buckets_are_those_of_one_flat_sum(tmp_path):
    """The sum of two processes does not depend on the order, so that the gradients are equal."""
    run_worker("sum_in_buckets", tmp_path)
    assert json.loads((tmp_path / "equal.json").read_text()) == list(SYSTEMS)


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """The directory of the experiments of `train_toys`."""
    root = tmp_path_factory.mktemp("toys")
    run_worker("train_toys", root)
    return root


def assert_close(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["epoch_1.pt", "epoch_2.pt", "ema.pt"])
def test_checkpoints_of_sharded_trainings_are_those_of_whole_models(toys, name):
    whole, sharded = (checkpoint.load(toys / kind / name) for kind in ("replicate", "shard"))
    assert_close(whole["model"], sharded["model"])
    assert whole["info"] == pytest.approx(sharded["info"], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["replicate", "shard"])
def test_a_weight_without_a_gradient_does_not_decay_as_in_one_process(toys, tmp_path, kind):
    """An example is a head whose loss has the weight 0."""
    train_idle(tmp_path, "replicate")
    alone, two = (
        checkpoint.load(path / "epoch_1.pt")["model"] for path in (tmp_path, toys / f"idle_{kind}")
    )
    assert alone["idle"].tolist() == two["idle"].tolist() == [[1.0, 1.0]]
    assert_close(alone, two)


@pytest.mark.slow
def test_a_killed_sharded_training_resumes_bit_for_bit(toys):
    weights = [
        checkpoint.load(toys / kind / "epoch_2.pt")["model"] for kind in ("unbroken", "broken")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.fixture
def stopped(toys, tmp_path):
    """A copy of a sharded training that has finished its first epoch."""
    return Path(shutil.copytree(toys / "stopped", tmp_path / "stopped"))


@pytest.mark.slow
def test_one_process_reads_what_two_have_sharded_and_goes_on_without_shards(stopped, caplog):
    model = make_model(dropout=0.1).double()
    trainer = make_trainer(stopped, DoubleSource(), model, max_epochs=2, ema=EmaConfig(decay=0.5))
    trainer._resume()
    assert "the number of processes is 1, but was 2" in caplog.text
    assert trainer._progress.epoch == 2
    stored = checkpoint.load(stopped / "epoch_1.pt")["model"]
    assert all(torch.equal(stored[name], value) for name, value in model.state_dict().items())
    averages = checkpoint.load(stopped / "ema.pt")["model"]
    weights = trainer._state._average.weights()
    assert all(torch.equal(averages[name], value) for name, value in weights.items())
    moments = trainer._optimizer.state_dict()["state"]
    assert len(moments) == len(list(model.parameters()))
    assert all(float(state["exp_avg"].abs().max()) > 0 for state in moments.values())
    trainer._state.save_last()
    assert not list((stopped / "last").iterdir())
    last = checkpoint.load(stopped / "last.pt")
    assert all(torch.equal(stored[name], value) for name, value in last["model"].items())


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "no metadata", "cut metadata", "no file", "removed"])
def test_a_damaged_directory_is_refused_in_one_sentence(stopped, damage):
    (folder,) = (stopped / "last").iterdir()
    parts = {"cut": "__1_0.distcp", "no file": "__0_0.distcp"}
    path = folder / parts.get(damage, ".metadata")
    if damage.startswith("cut"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "removed":
        shutil.rmtree(folder)
    else:
        path.unlink()
    trainer = make_trainer(stopped, model=make_model(dropout=0.1).double(), max_epochs=2)
    with pytest.raises(InputError, match=f"{folder} is incomplete or damaged .*`init.model`") as e:
        trainer.run()
    assert "\n" not in str(e.value)


@pytest.mark.slow
def test_the_state_of_a_sharded_training_is_no_model(stopped):
    with pytest.raises(InputError, match="last.pt is the state of a sharded training, whose weig"):
        checkpoint.load_with_model(stopped / "last.pt")


@pytest.mark.slow
def test_sharded_weights_of_another_model_are_refused(stopped):
    trainer = make_trainer(stopped, model=torch.nn.Linear(2, 2), max_epochs=2)
    with pytest.raises(InputError, match="does not fit this model: it contains "):
        trainer.run()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The directory of the experiments of `train_saving`."""
    root = tmp_path_factory.mktemp("saved")
    run_worker("train_saving", root)
    return root


def assert_same_files(root, other, *names):
    """Raise `AssertionError` unless two experiments have checkpoints with the same weights."""
    for name in names:
        weights = [checkpoint.load(folder / name)["model"] for folder in (root, other)]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0]), name


@pytest.mark.slow
def test_a_state_is_written_in_the_background_with_the_bytes_of_one_that_is_written_at_once(saved):
    (folder,) = (saved / "unbroken" / "last").iterdir()
    files = {path.name: path.read_bytes() for path in folder.glob("*.distcp")}
    assert files == {path.name: path.read_bytes() for path in saved.glob("at_once/*.distcp")}
    assert sorted(files) == ["__0_0.distcp", "__1_0.distcp"]
    copied = json.loads((saved / "copied.json").read_text())
    config = TrainConfig(ema=EmaConfig(decay=0.5))
    assert sum(copied) == state_bytes(make_model().double(), config)
    at_once, later = saved / "at_once.pt", saved / "unbroken" / "last.pt"
    assert at_once.read_bytes() == later.read_bytes()


@pytest.mark.slow
def test_the_training_goes_on_while_a_state_is_written_and_waits_for_it_in_the_end(saved):
    """`last.pt` names the state after two steps when it is complete, during the third step."""
    assert json.loads((saved / "steps.json").read_text())[:2] == [0, 2]
    assert_same_files(saved / "unbroken", saved / "late", "epoch_1.pt", "epoch_2.pt", "ema.pt")


@pytest.mark.slow
def test_sigterm_in_one_process_saves_the_shards_and_the_training_resumes_bit_for_bit(saved):
    assert json.loads((saved / "steps.json").read_text())[2] == 5
    assert_same_files(saved / "unbroken", saved / "stopped", "epoch_1.pt", "epoch_2.pt", "ema.pt")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["write_data-1-kill", "finish-0-kill", "write_data-1-full"])
def test_a_fault_while_a_state_is_written_leaves_the_state_before(saved, tmp_path, fault):
    root, rank = tmp_path / fault, int(fault.split("-")[1])
    root.mkdir()
    ends = start_worker("fail_saving", root)
    assert all(ended.status != 0 for ended in ends)
    if fault.endswith("kill"):
        assert ends[rank].status == -signal.SIGKILL
    else:
        folder = root / "exp" / "last" / "1"
        sentence = f"InputError: process 1 cannot write {folder}: No space left on device"
        assert any(f"{sentence}\n" in ended.error for ended in ends)
    assert checkpoint.load(root / "exp" / "last.pt")["trainer"]["step"] == 0
    assert len(list((root / "exp" / "last").iterdir())) == 2
    run_worker("resume_saving", root)
    assert_same_files(saved / "unbroken", root / "exp", "epoch_1.pt", "epoch_2.pt", "ema.pt")


@pytest.mark.slow
def test_no_utterance_is_lost_or_doubled_on_2_then_1_then_3_processes(tmp_path):
    for num_processes in (2, 1, 3):
        run_worker("train_share", tmp_path, num_processes)
    assert sorted(path.name for path in tmp_path.glob("epoch_*")) == ["epoch_1.pt", "epoch_2.pt"]
    seen = {1: [], 2: []}
    for path in tmp_path.glob("seen_*"):
        for line in path.read_text().splitlines():
            epoch, *numbers = map(int, line.split())
            seen[epoch].append(tuple(numbers))
    for batches in seen.values():
        assert sorted(n for batch in set(batches) for n in batch) == list(range(len(LENGTHS)))
        assert len(batches) - len(set(batches)) <= 2  # three processes fill their last turn


def test_metadata_may_name_members_of_enumerations_and_no_other_attribute():
    """Python 3.11.0 to 3.11.3 store such members by `getattr`, from which code could be run."""
    assert sharded_state._member(Slot, "USED") is Slot.USED
    for owner, name in [(pickle, "loads"), (Slot, "__class__"), (Slot, "FREE")]:
        with pytest.raises(pickle.UnpicklingError, match="for members of enumerations only"):
            sharded_state._member(owner, name)


def test_metadata_imports_no_foreign_module(tmp_path, monkeypatch):
    """Importing a module runs its code, whatever is then taken from it."""
    (tmp_path / "foreign_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    foreign = io.BytesIO(b"cforeign_module\nname\n.")
    with pytest.raises(pickle.UnpicklingError, match="foreign_module is not allowed"):
        sharded_state._MetadataUnpickler(foreign).load()


class Slot(Enum):
    USED = 1
