"""The message about a batch for which the memory is too small."""

import re

import pytest
import torch

from moeasr.errors import InputError
from moeasr.train.out_of_memory import naming_batches


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB\nhints"), "CUDA .* 2 GiB"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            ".*Allocator.*",
        ),
        (MemoryError(), "Python"),
    ],
)
def test_the_batches_and_the_setting_are_named(error, cause):
    sentence = (
        "^out of memory in step 7: set a lower `data.batch.max_frames` and a higher "
        "`train.accum_steps`, or `train.recompute: blocks`, which is slower; the batch has 10 "
        "frames: a; the next one has 9 frames: b "
        rf"\({cause}\)$"
    )
    describe = {1: "10 frames: a", 2: "9 frames: b"}.get
    with pytest.raises(InputError, match=sentence), naming_batches("step 7", describe, [1, 2]):
        raise error


def test_other_errors_pass():
    for error in (RuntimeError("a bug"), InputError("bad"), ValueError("x")):
        with pytest.raises(type(error), match=re.escape(str(error))), naming_batches("", str, [1]):
            raise error
