"""The interface of a streaming file for sherpa-onnx's `from_zipformer2_ctc`."""

import numpy as np
import torch
from systems import make_system

from moeasr.deploy.batch_network import QUIETEST, SCALE
from moeasr.deploy.native_fbank import FLOOR
from moeasr.export.streaming_graph import StreamingGraph
from moeasr.export.zipformer_streaming_graph import (
    ZipformerStreamingGraph,
    heard_features,
)
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig


def test_the_states_that_sherpa_onnx_makes_of_the_metadata_are_those_of_the_graph():
    graph = ZipformerStreamingGraph(StreamingGraph(make_system("dense").eval()), 4, 3)
    about = graph.metadata()
    assert (about["T"], about["decode_chunk_len"]) == (19, 16)
    past, width = about["left_context_len"], about["encoder_dims"]
    key = about["query_head_dims"] * about["num_heads"]
    value = about["value_head_dims"] * about["num_heads"]
    conv = (5, width, about["cnn_module_kernels"] // 2)
    shapes = [(past, 5, key), (1, 5, past, 3 * width // 4), (past, 5, value), (past, 5, value)]
    shapes += [conv, conv, (5, 128, 3, 19), (5,)]
    assert [tuple(state.shape) for state in graph.start(5)] == shapes


def test_digital_silence_is_heard_as_such_and_quiet_bins_at_the_floor():
    feats = np.array([[FLOOR, FLOOR], [3.0, 9.0], [3.0, 4.0]], dtype=np.float32)
    floor = FLOOR + SCALE
    heard = heard_features(feats)
    expected = [[FLOOR, FLOOR], [floor, 9.0], [FLOOR, FLOOR]]
    np.testing.assert_allclose(heard, expected, rtol=1e-6)
    np.testing.assert_array_equal(heard_features(heard), heard)
    of_sherpa = compute_fbank(torch.zeros(1600), FbankConfig())
    assert (of_sherpa + SCALE <= QUIETEST).all()


def test_every_state_comes_back():
    graph = ZipformerStreamingGraph(StreamingGraph(make_system("dense").float().eval()), 4, 3)
    inputs = graph.example()
    assert len(inputs) == len(graph.input_names) == len(graph.dynamic_shapes()) == 9
    outputs = graph(*inputs)
    assert len(outputs) == len(graph.output_names)
    assert [state.shape for state in outputs[1:]] == [state.shape for state in inputs[1:]]
