"""The cache of an encoder for streams."""

import torch

from moeasr.models.cache import BlockPast, EncoderState
from moeasr.nn.attention import KeysAndValues


def frames(*rows):
    """Return frames (B, T, 1), given their values for each row."""
    return torch.tensor(rows, dtype=torch.float64)[..., None]


def numbers(tensor):
    return tensor[..., 0].tolist()


def past(keys, edge):
    return BlockPast(KeysAndValues(frames(*keys), -frames(*keys)), frames(*edge))


def test_frames_that_no_later_one_looks_at_are_forgotten():
    """3 frames are old and 2 are new. In the second stream, one of the new ones is padding."""
    before = past([[1, 2, 3, 4, 5], [1, 2, 3, 4, 0]], [[2, 3, 4, 5], [2, 3, 4, 0]])
    after = before.forget(num_frames=2, new_lens=torch.tensor([2, 1]), num_kept=3)
    assert numbers(after.attention.keys) == [[3, 4, 5], [2, 3, 4]]
    assert numbers(after.attention.values) == [[-3, -4, -5], [-2, -3, -4]]
    assert numbers(after.convolution) == [[4, 5], [3, 4]]
    assert BlockPast(None, None).forget(2, torch.tensor([2, 1]), 3) == BlockPast(None, None)


def test_streams_are_selected_and_joined():
    """The shorter one of two caches is padded at the front."""
    one = EncoderState((past([[1, 2], [3, 4]], [[5], [6]]),), torch.tensor([2, 1]), torch.ones(2))
    other = EncoderState((past([[7, 8, 9]], [[5]]),), torch.tensor([3]), torch.tensor([4.0]))
    joined = EncoderState.join([one, other])
    assert (joined.num_past, joined.num_streams) == (3, 3)
    assert numbers(joined.blocks[0].attention.keys) == [[0, 1, 2], [0, 3, 4], [7, 8, 9]]
    assert numbers(joined.blocks[0].convolution) == [[5], [6], [5]]
    assert joined.past_lens.tolist() == [2, 1, 3] and joined.num_encoded.tolist() == [1, 1, 4]
    chosen = joined.select([2, 0])
    assert numbers(chosen.blocks[0].attention.values) == [[-7, -8, -9], [0, -1, -2]]
    assert chosen.past_lens.tolist() == [3, 2]


def test_blocks_without_a_module_have_no_cache_of_it():
    joined = BlockPast.join([BlockPast(None, frames([1])), BlockPast(None, frames([2]))])
    assert joined.attention is None and numbers(joined.convolution) == [[1], [2]]
    assert joined.select(torch.tensor([1])).attention is None
