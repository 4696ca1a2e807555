"""The interface of sources of batches."""

import inspect

from moeasr.experiment.batches import Batches
from moeasr.train.batch_source import BatchSource


def test_the_batches_of_an_experiment_have_the_interface():
    names = [name for name in vars(BatchSource) if not name.startswith("_")]
    assert {"num_batches", "stream", "leave_out"} <= set(names)
    for name in ("num_batches", "stream", "leave_out"):
        theirs, ours = (inspect.signature(getattr(kind, name)) for kind in (BatchSource, Batches))
        assert list(theirs.parameters) == list(ours.parameters)
