"""The convolutional front end."""

import pytest
import torch
from rounding import NETWORK_STEPS, assert_close

from moeasr.nn.subsampling import ConvSubsampling4, subsampled_len


@pytest.fixture
def front_end():
    return ConvSubsampling4(num_mel_bins=20, d_model=8, num_channels=4).double()


def slow_twin(module, feats):
    """Windows of 3 x 3 at every second frame and bin of (T, F), twice, and a projection."""
    x = feats[None]  # (channels, T, F)
    for conv in (module.conv1, module.conv2):
        windows = x.unfold(1, 3, 2).unfold(2, 3, 2)
        x = torch.einsum("ctfij,dcij->dtf", windows, conv.weight) + conv.bias[:, None, None]
        x = x.clamp(min=0)
    rows = [torch.cat([channel[t] for channel in x]) for t in range(x.size(1))]
    return torch.stack(rows) @ module.project.weight.T + module.project.bias


def test_equals_its_slow_twin(front_end):
    feats = torch.randn(2, 23, 20, dtype=torch.float64)
    out, _ = front_end(feats, torch.tensor([23, 23]))
    expected = torch.stack([slow_twin(front_end, utterance) for utterance in feats])
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_frames", [7, 8, 10, 11, 12, 50, 51, 52, 53])
def test_length_formula_is_what_the_convolutions_give(front_end, num_frames):
    feats = torch.randn(1, num_frames, 20, dtype=torch.float64)
    out, lens = front_end(feats, torch.tensor([num_frames]))
    assert out.size(1) == subsampled_len(num_frames) == front_end.output_len(num_frames) == lens[0]


@pytest.mark.parametrize("num_frames", [0, 1, 6])
def test_too_few_frames_give_none(num_frames):
    assert subsampled_len(num_frames) == 0


def test_padding_never_reaches_a_real_frame(front_end):
    feats = torch.randn(1, 30, 20, dtype=torch.float64)
    alone, lens = front_end(feats, torch.tensor([30]))
    padded = torch.cat((feats, torch.full((1, 17, 20), 1e6, dtype=torch.float64)), dim=1)
    both, padded_lens = front_end(padded, torch.tensor([30]))
    assert lens.equal(padded_lens)
    assert_close(both[:, : alone.size(1)], alone, NETWORK_STEPS, dtype=torch.float64)


def test_an_output_sees_seven_frames_from_four_times_its_number(front_end):
    feats = torch.randn(1, 40, 20, dtype=torch.float64, requires_grad=True)
    out, _ = front_end(feats, torch.tensor([40]))
    out[0, 3].sum().backward()
    touched = feats.grad[0].abs().sum(dim=1).nonzero().flatten()
    assert touched.min() >= 12 and touched.max() <= 18


def test_an_utterance_shorter_than_the_front_end_is_the_same_alone_and_in_any_batch(front_end):
    feats = torch.randn(2, 30, 20, dtype=torch.float64)
    batch, lens = front_end(feats, torch.tensor([30, 3]))
    alone, alone_lens = front_end(feats[1:, :3], torch.tensor([3]))
    assert lens.tolist() == [6, 1] and alone_lens.tolist() == [1]
    torch.testing.assert_close(batch[1, :1], alone[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_frames", [3, 7, 66, 67, 68, 70, 71, 130, 131, 132, 135, 300])
def test_pieces_give_what_the_whole_gives(num_frames):
    """Without gradients the front end reads long features piece by piece."""
    front = ConvSubsampling4(20, 8, 4).double()
    feats, lens = torch.randn(2, num_frames, 20).double(), torch.tensor([num_frames, num_frames])
    whole, whole_lens = front(feats, lens)
    with torch.no_grad():
        found, found_lens = front(feats, lens)
    assert torch.equal(found_lens, whole_lens)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-12)
