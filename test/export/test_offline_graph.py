"""The graph of whole recordings."""

import pytest
import torch
from systems import SYSTEMS, make_system

from moeasr.deploy.native_fbank import FLOOR
from moeasr.export.offline_graph import UNLIKELY, OfflineGraph
from moeasr.export.sliced_experts import slice_experts
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig

LENS = torch.tensor([61, 30, 7, 6, 1])
FEATS = torch.randn(5, 61, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind", SYSTEMS)
def test_log_probabilities_are_those_of_the_model(kind):
    model = make_system(kind).eval()
    graph = OfflineGraph(slice_experts(model))
    with torch.no_grad():
        log_probs, lens, enc = graph(FEATS, LENS)
        expected = model.encode(FEATS, LENS)
    assert lens.tolist() == [14, 6, 1, 0, 0]  # too short for a frame: none, as in decoding
    for b, length in enumerate(lens.tolist()):
        torch.testing.assert_close(enc[b, :length], expected.enc[b, :length])
        given, wanted = log_probs[b, :length], model.ctc_log_probs(expected.enc[b, :length])
        is_unit = torch.arange(model.vocab_size) != model.sos_eos
        torch.testing.assert_close(given[:, is_unit], wanted[:, is_unit])
        assert (given[:, model.sos_eos] == UNLIKELY).all()


@pytest.mark.parametrize("num_frames", [0, 1, 6, 7])
def test_any_number_of_frames_is_recognised(num_frames):
    graph = OfflineGraph(make_system("dense").float().eval())
    with torch.no_grad():
        log_probs, lens, enc = graph(torch.zeros(1, num_frames, 20), torch.tensor([num_frames]))
    assert lens.tolist() == [num_frames // 7]
    assert log_probs.size(1) == enc.size(1) >= 1


def test_the_floor_is_digital_silence_and_changes_no_feature_of_ours():
    silence = compute_fbank(torch.zeros(800), FbankConfig(num_mel_bins=20))
    assert silence.max() < FLOOR + 1e-3
    model = make_system("dense").float().eval()
    graph = OfflineGraph(model)
    with torch.no_grad():
        (of_silence, *_), (of_less, *_) = (
            graph(feats[None], torch.tensor([len(feats)])) for feats in (silence, silence - 50)
        )
    torch.testing.assert_close(of_less, of_silence, atol=1e-3, rtol=0)
