"""The frames of a batch that are not padding."""

import torch

from moeasr.nn.mask import make_valid_mask
from moeasr.nn.valid_frames import all_frames_valid, find_valid_frames


def test_valid_frames_are_those_of_the_mask_in_its_order():
    lens, x = torch.tensor([5, 0, 3]), torch.randn(3, 5, 2)
    valid = find_valid_frames(lens, 5)
    mask = make_valid_mask(lens, 5)
    assert torch.equal(valid.mask, mask)
    assert torch.equal(valid.take(x), x[mask])
    assert torch.equal(valid.put(valid.take(x)), x.masked_fill(~mask[:, :, None], 0.0))


def test_a_batch_without_padding_is_not_copied():
    x = torch.randn(2, 3, 4)
    for valid in (find_valid_frames(torch.tensor([3, 3]), 3), all_frames_valid(2, 3)):
        assert valid.index is None and valid.mask.all()
        assert valid.take(x).data_ptr() == x.data_ptr()
        assert torch.equal(valid.put(valid.take(x)), x)
