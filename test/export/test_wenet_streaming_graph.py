"""The interface of a streaming file for sherpa-onnx's `from_wenet_ctc`."""

from systems import make_system

from moeasr.export.streaming_graph import StreamingGraph
from moeasr.export.wenet_streaming_graph import WenetStreamingGraph


def test_metadata_names_the_sizes_of_the_caches():
    graph = WenetStreamingGraph(StreamingGraph(make_system("dense").eval()), num_heads=2)
    assert graph.metadata() == {
        "model_type": "wenet_ctc",
        "head": 2,
        "num_blocks": 3,  # two, and a row for the encoder output
        "output_size": 16,
        "cnn_module_kernel": 5,
        "right_context": 6,
        "subsampling_factor": 4,
        "vocab_size": 9,
    }
    assert graph.attention_shape(12) == (3, 2, 12, 16)
    assert graph.convolution_shape == (3, 1, 16, 4)


def test_all_six_inputs_have_an_example():
    """sherpa-onnx passes six; with fewer in the file it crashes."""
    graph = WenetStreamingGraph(StreamingGraph(make_system("dense").eval()), num_heads=2)
    assert len(graph.example()) == len(graph.dynamic_shapes()) == len(graph.input_names) == 6
