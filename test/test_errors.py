"""Messages about unforeseen errors."""

import json

import pytest
import torch

from moeasr.errors import InputError, describe, did_you_mean, is_out_of_memory, naming
from moeasr.moe.router import Router


def test_an_error_is_described_by_its_kind_its_text_and_the_place_that_raised_it():
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    sentence = describe(caught.value)
    assert sentence.startswith("json.decoder.JSONDecodeError: Expecting property name enclosed")
    raised = caught.traceback[-1]
    assert sentence.endswith(f"({raised.path.name}, line {raised.lineno + 1})")
    assert raised.path.name == "decoder.py"
    assert describe(ValueError("two\nlines")) == "ValueError: two lines"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_exhausted_memory_is_recognised_in_all_its_forms(error):
    assert is_out_of_memory(error)


def test_other_errors_are_no_exhausted_memory():
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access"))


def test_a_part_that_lacks_a_method_is_named():
    class Half(Router):
        pass

    sentence = f"^{__name__}.*Half must define `build`$"
    with pytest.raises(NotImplementedError, match=sentence):
        Half.build(None, None)
    with pytest.raises(NotImplementedError, match="Half must define `forward`$"):
        Half()(torch.zeros(1, 1))


def test_the_nearest_name_is_suggested_if_there_is_one():
    assert did_you_mean("trian", ["train", "decode"]) == "; did you mean 'train'?"
    assert did_you_mean("fly", ["train", "decode"]) == ""
    assert did_you_mean("--unit", ["--units", "--out"], "--") == "; did you mean '--units'?"
    assert did_you_mean("--units", ["--out"]) == "; did you mean '--out'?"  # similar by the dashes
    assert did_you_mean("--units", ["--out"], "--") == ""


def test_an_unforeseen_error_names_the_subject_and_others_stay_as_they_are():
    sentence = r"^utterance a1: ZeroDivisionError: .* \(test_errors.py, line \d+\)$"
    with pytest.raises(InputError, match=sentence), naming("utterance a1"):
        divmod(1, 0)
    for error in (InputError("x"), FileNotFoundError(2, "y", "z")):
        with pytest.raises(type(error)) as caught, naming("utterance a1"):
            raise error
        assert caught.value is error
