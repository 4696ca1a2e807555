"""What sherpa-onnx reads of a streaming file for `from_nemo_ctc`."""

from systems import make_system

from moeasr.export.nemo_streaming_graph import NemoStreamingGraph
from moeasr.export.streaming_graph import StreamingGraph


def test_metadata_names_the_sizes_of_the_caches_and_the_vocabulary_without_blank():
    graph = NemoStreamingGraph(StreamingGraph(make_system("dense").eval()), 4, 3)
    metadata = graph.metadata()
    assert (metadata["window_size"], metadata["chunk_shift"]) == (19, 16)
    assert metadata["vocab_size"] == 8
    caches = graph.example()[2:4]
    for name, cache in zip(("cache_last_channel", "cache_last_time"), caches):
        assert [metadata[f"{name}_dim{axis}"] for axis in (1, 2, 3)] == list(cache.shape[1:])
