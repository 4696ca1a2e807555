"""Windows of streams, and files that onnxruntime cannot read."""

import numpy as np
import pytest

from moeasr.errors import InputError
from moeasr.export.onnx_outputs import offline, whole_chunks, windows


@pytest.mark.parametrize(
    ("num_frames", "num_chunks"), [(1, 1), (19, 1), (20, 2), (35, 2), (36, 3), (150, 10)]
)
def test_features_are_extended_to_whole_chunks(num_frames, num_chunks):
    feats = np.arange(num_frames, dtype=np.float32)[:, None]
    whole = whole_chunks(feats, chunk_size=4, value=-1.0)
    assert len(whole) == 16 * num_chunks + 3
    assert (whole[:num_frames] == feats).all() and (whole[num_frames:] == -1).all()
    cut = windows(whole, chunk_size=4)
    assert [window[0, 0] for window in cut] == [whole[16 * n, 0] for n in range(num_chunks)]
    assert all(len(window) == 19 for window in cut)


def test_a_file_that_is_not_onnx_is_named(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"model\.onnx cannot be read"):
        offline(tmp_path / "model.onnx", 9)
