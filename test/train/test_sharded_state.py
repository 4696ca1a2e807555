"""Sharded tensors in nested mappings; test_sharding.py writes and reads them."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from limited_files import files_of_at_most

from moeasr.errors import InputError
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer
from moeasr.train.sharded_state import complete, read_shards, split, write_shards


def test_a_state_without_sharded_tensors_is_left_as_it_is():
    model = torch.nn.Linear(2, 1)
    optimizer = build_optimizer(model, OptimConfig())
    trainer = {"step": 3, "optimizer": optimizer.state_dict()}
    content = {"model": {"weight": torch.ones(2)}, "trainer": dict(trainer)}
    found = split(content)
    assert found.plain == content and found.plain is not content
    assert found.shards == found.aliases == {}
    complete(content, None, {}, model, optimizer)
    assert content["trainer"] == trainer


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="1 is incomplete or damaged .No such file.*init.model"):
        read_shards(Path(tmp_path / "1"), lambda path, shape: None)


def test_metadata_cannot_run_code(tmp_path):
    class Foreign:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / ".metadata").write_bytes(pickle.dumps(Foreign()))
    with pytest.raises(InputError, match="is incomplete or damaged"):
        read_shards(tmp_path, lambda path, shape: None)
    assert not (tmp_path / "made").exists()


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("num_bytes", [0, 100, 700, 3000])
def test_a_disk_that_becomes_full_within_a_file_is_named(tmp_path, num_bytes):
    """After a failed write, PyTorch's zip writer raises an error about positions in the file."""
    with pytest.raises(InputError) as caught, files_of_at_most(num_bytes):
        write_shards(tmp_path / "1", {"weight": torch.ones(1000)})
    assert str(caught.value) == f"process 0 cannot write {tmp_path / '1'}: File too large"
