"""Streams in batches, against single streams."""

import numpy as np
import pytest
from batched_results import assert_batches_equal_streams, task_of

from moeasr.deploy.folder_engine import open_folder
from moeasr.errors import InputError


def test_batches_equal_single_streams(folder, sound):
    assert_batches_equal_streams(open_folder(folder), sound)


def test_other_sizes_than_those_of_the_export_are_refused(folder):
    engine = open_folder(folder)
    for settings in ({"chunk_size": 8}, {"num_left_chunks": 3}):
        with pytest.raises(InputError, match="streams in batches have the sizes of the export, 4"):
            engine.open_batch(task_of(**settings), None)


def test_a_fault_of_a_stream_does_not_touch_the_others(folder, sound):
    engine = open_folder(folder)
    batch = engine.open_batch(task_of(), None)
    good, bad = batch.open(), batch.open()
    good.push(sound(0.3))
    with pytest.raises(InputError, match="NaN"):
        bad.push(np.full(100, np.nan, np.float32))
    (results,) = batch.advance([good])
    assert results and batch.advance([]) == []
