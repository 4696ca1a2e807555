"""The caches of a stream in the two tensors that sherpa-onnx keeps."""

import pytest
import torch

from moeasr.export.cache_layout import CacheLayout
from moeasr.models.cache import BlockPast
from moeasr.nn.attention import KeysAndValues


def block(width, kernel_size, num_past=0, batch=1):
    """A block's cache of random numbers; a width or a kernel size of 0 for a part it lacks."""
    attention = convolution = None
    if width:
        attention = KeysAndValues(*torch.randn(2, batch, num_past, width))
    if kernel_size:
        convolution = torch.randn(batch, kernel_size - 1 + num_past, width or 4)
    return BlockPast(attention, convolution)


@pytest.mark.parametrize(
    ("blocks", "num_rows", "kernel_size"),
    [
        ([(8, 5), (8, 5)], 3, 5),  # a Conformer: a row for each block and one for its output
        ([(8, 0), (8, 0)], 3, 2),  # without convolutions
        ([(4, 3), (8, 5), (8, 5)], 4, 5),  # a narrow embedding network before it
        ([(0, 7), (8, 7)], 3, 7),  # a block without attention
    ],
)
def test_what_is_packed_is_unpacked(blocks, num_rows, kernel_size):
    layout = CacheLayout(tuple(block(*sizes) for sizes in blocks), d_model=8)
    assert (layout.num_rows, layout.kernel_size) == (num_rows, kernel_size)
    batch, num_past, num_new = 3, 6, 2
    before = torch.randn(batch, num_rows, num_past, 16)
    seen = [block(*sizes, num_past=num_past + num_new, batch=batch) for sizes in blocks]
    enc = torch.randn(batch, num_new, 8)
    attention, convolution = layout.pack(seen, before, enc)
    assert attention.shape == (batch, num_rows, num_past, 16)
    assert convolution.shape == (batch, num_rows, 8 * (kernel_size - 1))
    for unpacked, past in zip(layout.unpack(attention, convolution), seen):
        if past.attention is not None:
            for part, expected in zip(unpacked.attention, past.attention):
                assert torch.equal(part, expected[:, num_new:])
        if past.convolution is not None:
            kept = unpacked.convolution
            assert torch.equal(kept, past.convolution[:, -kept.size(1) :])
    output = attention[:, -1, :, :8]
    assert torch.equal(output[:, -num_new:], enc)
    assert torch.equal(output[:, :-num_new], before[:, -1, num_new:, :8])
