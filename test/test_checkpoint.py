"""Checkpoint files."""

import math
import os
import pickle
import re
from contextlib import contextmanager

import pytest
import torch
from limited_files import files_of_at_most

from moeasr import checkpoint
from moeasr.errors import InputError
from moeasr.low_rank import add_update


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.pt"
    checkpoint.save(
        path, {"model": {"w": torch.arange(5000.0)}, "bpe": b"\x00\x01", "n": [1, None]}
    )
    return path


def test_what_is_saved_comes_back(path):
    content = checkpoint.load(path)
    assert torch.equal(content["model"]["w"], torch.arange(5000.0))
    assert content["bpe"] == b"\x00\x01" and content["n"] == [1, None]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_cut_short_is_one_clear_sentence(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"model\.pt cannot be read \(truncated") as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.pt does not exist"):
        checkpoint.load(tmp_path / "none.pt")


def test_another_programs_checkpoint_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.pt")
    with pytest.raises(InputError, match="not a moeasr checkpoint"):
        checkpoint.load(tmp_path / "foreign.pt")


def test_a_checkpoint_of_another_version_is_refused(path):
    content = checkpoint.load(path)
    torch.save({**content, "format": "moeasr-2"}, path)
    with pytest.raises(InputError, match="format is 'moeasr-2', but this version reads 'moeasr-1'"):
        checkpoint.load(path)


def test_a_model_of_wenet_is_refused_with_the_command_that_imports_it(tmp_path):
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "final.pt")
    (tmp_path / "train.yaml").touch()
    for path in (tmp_path, tmp_path / "final.pt"):
        with pytest.raises(InputError, match=f"`moeasr import-wenet --model-dir {tmp_path}`"):
            checkpoint.load(path)


def test_memory_that_runs_out_is_not_taken_for_damage(path, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: torch.empty(10**17))
    with pytest.raises(InputError, match="cannot be read .*: out of memory"):
        checkpoint.load(path)


NOT_FINITE = (
    ": 'w' of its model has values that are NaN or infinite; train again, or take another "
    "checkpoint"
)
COMPLETE = {
    "model": {"w": torch.zeros(2)},
    "config": {"model": {}},
    "tokenizer": {"units": ["<blank>", "a"]},
    "fbank": {"num_mel_bins": 80},
    "info": {},
}


def test_a_checkpoint_that_can_recognise_is_loaded_whole(tmp_path):
    checkpoint.save(tmp_path / "x.pt", COMPLETE)
    content = checkpoint.load_with_model(tmp_path / "x.pt")
    assert content.keys() == {"format", *COMPLETE}
    assert torch.equal(content["model"]["w"], torch.zeros(2))


def test_the_updates_of_an_adapter_are_merged_when_a_model_is_loaded(tmp_path):
    module = torch.nn.Linear(3, 2)
    weight = module.weight.detach().clone()
    add_update(module, "weight", rank=1, alpha=1.0)
    torch.nn.init.ones_(module.parametrizations.weight[0].up)
    down = module.parametrizations.weight[0].down.detach()
    checkpoint.save(tmp_path / "x.pt", {**COMPLETE, "model": dict(module.state_dict())})
    assert "parametrizations.weight.original" in checkpoint.load(tmp_path / "x.pt")["model"]
    model = checkpoint.load_with_model(tmp_path / "x.pt")["model"]
    assert model.keys() == {"weight", "bias"} and torch.equal(model["weight"], weight + down)


@pytest.mark.parametrize(
    ("section", "value", "sentence"),
    [
        *((name, None, f"lacks '{name}'") for name in COMPLETE),
        ("model", {"w": [0.0, 0.0]}, ": 'w' of its model is not a tensor"),
        ("model", {"w": torch.tensor([0.0, math.nan])}, NOT_FINITE),
        ("model", {"w": torch.tensor([[math.inf]])}, NOT_FINITE),
        ("model", {1: torch.zeros(2)}, ": '1' of its model is not a tensor"),
        ("config", {}, "lacks 'config.model'"),
        ("tokenizer", ["units"], ": 'tokenizer' is not a section of keys"),
        ("tokenizer", {}, "lacks 'tokenizer.units'"),
        ("tokenizer", {"units": "ab"}, ": 'tokenizer.units' is not a list of units"),
        ("tokenizer", {"units": ["a", 1]}, ": 'tokenizer.units' is not a list of units"),
        ("fbank", {}, "lacks 'fbank.num_mel_bins'"),
        *(
            (
                "fbank",
                {"num_mel_bins": number},
                f": 'fbank.num_mel_bins' must be an integer between 1 and 99999, but is {number!r}",
            )
            for number in (0, 100_000, True, 80.0)
        ),
    ],
)
def test_a_checkpoint_that_cannot_recognise_is_refused(tmp_path, section, value, sentence):
    content = {**COMPLETE, section: value}
    if value is None:
        del content[section]
    checkpoint.save(tmp_path / "x.pt", content)
    with pytest.raises(InputError, match=rf"^checkpoint \S+x\.pt ?{re.escape(sentence)}$"):
        checkpoint.load_with_model(tmp_path / "x.pt")


class Trap:
    """An object whose unpickling would run code."""

    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def test_loading_never_runs_code(tmp_path, monkeypatch, recwarn):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trap.pt").write_bytes(pickle.dumps(Trap()))
    torch.save({"format": checkpoint.FORMAT, "info": Trap()}, tmp_path / "zipped.pt")
    for name in ("trap.pt", "zipped.pt"):
        with pytest.raises(
            InputError, match=f"{name} is refused: .* contains more than tensors"
        ) as refusal:
            checkpoint.load(tmp_path / name)
        # torch's own words advise to load it all the same
        assert "weights_only" not in str(refusal.value)
    assert not recwarn.list  # nor shall users report the file to torch
    assert not (tmp_path / "sprung").exists()


def test_a_disk_that_fills_up_in_the_middle_is_an_input_error(tmp_path):
    """torch's zip writer then reports a wrong position, and hides the cause of the error."""
    refusal = pytest.raises(InputError, match="cannot write the checkpoint .*File too large")
    with refusal, files_of_at_most(100_000):
        checkpoint.save(tmp_path / "x.pt", {"w": torch.zeros(100_000), "v": torch.zeros(9)})
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full stands for a full disk")
def test_a_full_disk_is_an_input_error_and_keeps_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    @contextmanager
    def full_disk(target):
        yield "/dev/full"

    monkeypatch.setattr(checkpoint, "atomic_path", full_disk)
    with pytest.raises(InputError, match="cannot write the checkpoint .*: No space left on device"):
        checkpoint.save(path, {"model": {"w": torch.zeros(100_000)}})
    assert path.read_bytes() == before and os.listdir(path.parent) == ["model.pt"]


def test_a_directory_means_its_average(path, tmp_path):
    with pytest.raises(InputError, match=r"averaged\.pt does not exist; .* contains model\.pt$"):
        checkpoint.load(tmp_path)
    path.rename(tmp_path / "averaged.pt")
    assert checkpoint.find_file(tmp_path) == tmp_path / "averaged.pt"
    assert checkpoint.load(tmp_path)["n"] == [1, None]


def test_a_directory_without_an_average_says_what_is_there_and_what_makes_it(tmp_path):
    with pytest.raises(InputError, match="contains no checkpoints"):
        checkpoint.load(tmp_path)
    for epoch in range(8):
        (tmp_path / f"epoch_{epoch}.pt").touch()
    with pytest.raises(InputError) as caught:
        checkpoint.load(tmp_path)
    assert "epoch_0.pt, epoch_1.pt, epoch_2.pt, epoch_3.pt, epoch_4.pt and 3 more" in str(
        caught.value
    )
    assert f"create it with `moeasr average --exp-dir {tmp_path}`" in str(caught.value)
    with pytest.raises(InputError, match=r"epoch_9\.pt does not exist; .* contains epoch_0\.pt"):
        checkpoint.load(tmp_path / "epoch_9.pt")
