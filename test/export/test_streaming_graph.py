"""The graph of a chunk, fed chunk by chunk, equals the masked pass over the whole utterance."""

import pytest
import torch
from systems import STREAMING, encoder, make_system

from moeasr.deploy.batch_network import SCALE
from moeasr.errors import InputError
from moeasr.export.sliced_experts import slice_experts
from moeasr.export.streaming_graph import StreamingGraph
from moeasr.export.wenet_streaming_graph import WenetStreamingGraph
from moeasr.export.zipformer_streaming_graph import ZipformerStreamingGraph

FEATS = torch.randn(2, 99, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
TOLERANCE = {"rtol": 0, "atol": 1e-9}


def graph_and_log_probs(kind, chunk_size, num_left_chunks, feats=FEATS):
    """The graph of a chunk, and what the model computes for whole chunks of features at once."""
    model = make_system(kind).eval()
    num_frames = (feats.size(1) - 3) // (4 * chunk_size) * 4 * chunk_size + 3
    lens = torch.tensor([num_frames, num_frames])
    with torch.no_grad():
        enc = model.encode(feats[:, :num_frames], lens, chunk_size, num_left_chunks).enc
        log_probs = model.ctc_log_probs(enc)
    log_probs[..., model.sos_eos] = -1e4
    return StreamingGraph(slice_experts(model)), log_probs, enc


@pytest.mark.parametrize("kind", STREAMING)
@pytest.mark.parametrize(("chunk_size", "num_left_chunks"), [(4, 3), (1, 5), (8, 1)])
def test_wenet_chunks_equal_the_masked_pass(kind, chunk_size, num_left_chunks):
    chunk, expected, enc = graph_and_log_probs(kind, chunk_size, num_left_chunks)
    graph, num_past = WenetStreamingGraph(chunk, num_heads=2), chunk_size * num_left_chunks
    attention = torch.zeros(graph.attention_shape(num_past), dtype=torch.float64)
    convolution = torch.zeros(graph.convolution_shape, dtype=torch.float64)
    found = []
    for number in range(expected.size(1) // chunk_size):
        window = FEATS[:1, 4 * chunk_size * number :][:, : 4 * chunk_size + 3]
        mask = torch.ones(1, 1, num_past + chunk_size, dtype=torch.bool)
        mask[..., : max(0, num_past - number * chunk_size)] = False
        place = torch.tensor([num_past + number * chunk_size]), torch.tensor([num_past])
        with torch.no_grad():
            log_probs, attention, convolution = graph(window, *place, attention, convolution, mask)
        found.append(log_probs)
        frames = attention[-1].reshape(num_past, -1)[-chunk_size:, : enc.size(2)]
        torch.testing.assert_close(frames, enc[0, chunk_size * number :][:chunk_size], **TOLERANCE)
    torch.testing.assert_close(torch.cat(found, dim=1), expected[:1], **TOLERANCE)


@pytest.mark.parametrize("kind", STREAMING)
def test_zipformer_chunks_of_a_batch_equal_the_masked_pass(kind):
    chunk, expected, _ = graph_and_log_probs(kind, 4, 3, FEATS + 10)  # no frame is silent
    graph = ZipformerStreamingGraph(chunk, chunk_size=4, num_left_chunks=3)
    states = [s.double() if s.is_floating_point() else s for s in graph.start(2)]
    found = []
    for number in range(expected.size(1) // 4):
        window = FEATS[:, 16 * number :][:, : graph.window_frames] + 10 - SCALE
        with torch.no_grad():
            log_probs, *states = graph(window, *states)
        found.append(log_probs)
    torch.testing.assert_close(torch.cat(found, dim=1), expected, **TOLERANCE)


def test_a_model_that_sees_the_future_is_refused():
    model = make_system("dense", encoder=encoder(causal_conv=False, dynamic_chunk=False)).eval()
    with pytest.raises(InputError, match="causal_conv: false"):
        StreamingGraph(model)


def test_an_encoder_that_is_no_stack_of_blocks_is_refused():
    model = make_system("dense").eval()
    model.encoder = torch.nn.Identity()
    model.encoder.sees_future = False
    with pytest.raises(InputError, match="its encoder is a Identity"):
        StreamingGraph(model)
