"""Sharded tensors in nested mappings; test_sharding.py writes and reads them."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from moeasr.errors import InputError
from moeasr.train.sharded_state import complete, read_shards, split


def test_a_state_without_sharded_tensors_is_left_as_it_is():
    content = {"model": {"weight": torch.ones(2)}, "trainer": {"step": 3, "state": {0: {"a": 1}}}}
    found = split(content)
    assert found.plain == content and found.plain is not content
    assert found.shards == found.aliases == {}
    model = torch.nn.Linear(2, 1)
    complete(content, None, {}, model, torch.optim.Adam(model.parameters()))
    assert content["trainer"] == {"step": 3, "state": {0: {"a": 1}}}


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
